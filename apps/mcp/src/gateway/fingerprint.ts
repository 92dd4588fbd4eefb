// Whether an upstream of the file is still the same. Secrets count by what they are now; of them only digests are kept.
import { digest } from './digest.ts'
import type { ReadSecret, UpstreamSettings } from './settings.ts'

/** Equal for what need not be opened again. Does not look at what depends on the endpoint: whether names have a prefix. */
export function fingerprint(settings: UpstreamSettings): string {
  const { prefix, isPrefixFixed, ...tools } = settings.tools
  return digest(told({ ...settings, tools: { ...tools, ...(isPrefixFixed && { prefix }) } }))
}

function told(value: unknown): unknown {
  if (typeof value === 'function') return secretDigest(value as ReadSecret)
  if (Array.isArray(value)) return value.map(told)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, told(member)]))
}

/** One that cannot be read is another one than any that can. */
function secretDigest(read: ReadSecret): readonly [string, string] {
  try {
    return [read.from ?? '', digest(read())]
  } catch {
    return [read.from ?? '', '']
  }
}
