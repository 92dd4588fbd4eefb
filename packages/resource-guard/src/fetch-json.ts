import { KeySetError } from './errors.ts'

export interface FetchLimits {
  readonly signal: AbortSignal
  readonly maxBytes: number
}

/**
 * The JSON document at an address. Follows no redirect, and reads no more than `maxBytes`. With `absent`, a document
 * that is not there (404) is undefined; otherwise it is a {@link KeySetError} like every other failure.
 */
export async function fetchJson(url: string, limits: FetchLimits, { absent = false } = {}): Promise<unknown> {
  const { signal, maxBytes } = limits
  const response = await fetch(url, { signal, redirect: 'manual', headers: { accept: 'application/json' } })
  if (response.status !== 200 || !response.body) {
    await response.body?.cancel()
    if (absent && response.status === 404) return undefined
    throw new KeySetError(`${url} answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    if (size > maxBytes) throw new KeySetError(`${url} answered with more than ${maxBytes} bytes`) // leaving cancels it
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new KeySetError(`${url} answered with something that is not JSON`)
  }
}
