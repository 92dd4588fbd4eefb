import { IssuerError } from './errors.ts'

export interface FetchLimits {
  readonly signal: AbortSignal
  readonly maxBytes: number
}

export interface JsonDocument {
  /** As it came. */
  readonly text: string
  readonly value: unknown
  /** Milliseconds for which it may still be kept, if the answer says so (RFC 9111 §4.2): what caches used up is taken off. */
  readonly freshFor: number | undefined
  /** What time it is at the sender, in milliseconds since the epoch, if the answer says so (RFC 9110 §6.6.1). */
  readonly senderTime: number | undefined
}

/**
 * The JSON document at an address. Follows no redirect, and reads no more than `maxBytes`. With `absent`, a document
 * that is not there (404) is undefined; otherwise it is an {@link IssuerError} like every other failure.
 */
export async function fetchDocument(
  url: string,
  limits: FetchLimits,
  { absent = false } = {},
): Promise<JsonDocument | undefined> {
  const { signal, maxBytes } = limits
  const response = await fetch(url, { signal, redirect: 'manual', headers: { accept: 'application/json' } })
  if (response.status !== 200 || !response.body) {
    await response.body?.cancel()
    if (absent && response.status === 404) return undefined
    throw new IssuerError(`${url} answered ${response.status}`)
  }
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    if (size > maxBytes) throw new IssuerError(`${url} answered with more than ${maxBytes} bytes`) // leaving cancels it
    chunks.push(chunk)
  }
  const text = await new Blob(chunks).text()
  try {
    const { headers } = response
    return { text, value: JSON.parse(text), freshFor: freshnessOf(headers), senderTime: timeOf(headers) }
  } catch {
    throw new IssuerError(`${url} answered with something that is not JSON`)
  }
}

function freshnessOf(headers: Headers): number | undefined {
  const control = headers.get('cache-control') ?? ''
  if (/(?:^|[\s,])no-(?:store|cache)\b/i.test(control)) return 0
  const maxAge = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(control)?.[1]
  if (maxAge === undefined) return undefined
  return Math.max(0, Number(maxAge) - ageOf(headers)) * 1_000
}

function timeOf(headers: Headers): number | undefined {
  const date = Date.parse(headers.get('date') ?? '')
  return Number.isNaN(date) ? undefined : date + ageOf(headers) * 1_000
}

/** Seconds that the answer spent in caches. */
function ageOf(headers: Headers): number {
  return Number(/^\d{1,9}$/.exec(headers.get('age') ?? '')?.[0] ?? 0)
}

/** The value of {@link fetchDocument}. */
export async function fetchJson(url: string, limits: FetchLimits, options = {}): Promise<unknown> {
  return (await fetchDocument(url, limits, options))?.value
}

/** fetch() says no more than that it failed; why is in the cause, which may be several errors and then has only a code. */
export function toIssuerError(error: unknown): IssuerError {
  return error instanceof IssuerError ? error : new IssuerError(describe(error), { cause: error })
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'the issuer did not answer in time'
  const { cause } = error
  const detail = cause instanceof Error ? cause.message || (cause as { readonly code?: string }).code : undefined
  return detail ? `${error.message}: ${detail}` : error.message
}
