// The fetch that everything but MCP itself goes through: metadata, registration, tokens, revocation.
import { isTooDeep } from '@gatehouse/shared'
import { type AddressGuardOptions, createAddressGuard } from './address-guard.ts'
import { safeUrl } from './addresses.ts'
import { readBounded } from './bounded-body.ts'
import { ClientError } from './errors.ts'
import { cleanLine } from './text.ts'

const answerSeconds = 30
const answerBytes = 512 * 1024

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

export interface GuardedFetchOptions extends AddressGuardOptions {
  readonly fetch: Fetch
  readonly signal?: AbortSignal | undefined
}

/**
 * A fetch for addresses that a server named. It refuses everything but https and loopback http, private addresses
 * when `start` is public (see address-guard.ts), redirects, and answers over 512 KiB; it gives up after 30 s. An
 * answer of 5xx or 429 and a failing network are one error, `unreachable`, with the server's `Retry-After`.
 */
export function createGuardedFetch(options: GuardedFetchOptions): Fetch {
  const { fetch, signal } = options
  const refusePrivate = createAddressGuard(options)

  return async function guardedFetch(input, init = {}) {
    const url = safeUrl(input, 'metadata')
    await refusePrivate(url)
    const signals = [AbortSignal.timeout(answerSeconds * 1000), signal, init.signal].filter((one) => one != null)
    try {
      const response = await fetch(url.href, { ...init, redirect: 'manual', signal: AbortSignal.any(signals) })
      const problem = statusProblem(url, response)
      if (problem) {
        await response.body?.cancel() // or its end would be waited for
        throw problem
      }
      return await readWhole(url, response, answerBytes)
    } catch (error) {
      signal?.throwIfAborted()
      throw networkError(url, error)
    }
  }
}

/** A failed fetch as an error that says what happened; our own errors pass unchanged. */
export function networkError(
  url: URL,
  error: unknown,
  { seconds = answerSeconds, hint = 'Check the address and your connection, then try again.' } = {},
): ClientError {
  if (error instanceof ClientError) return error
  return new ClientError('unreachable', `Could not reach ${url.origin}.`, {
    reason: describe(error, seconds),
    hint,
    cause: error,
  })
}

function statusProblem(url: URL, response: Response): ClientError | undefined {
  const { status } = response
  if (status >= 300 && status < 400) {
    const target = cleanLine(response.headers.get('location') ?? 'nowhere', 120)
    return new ClientError('metadata_invalid', `${url.href} answers with a redirect.`, {
      reason: `It points to ${target}; redirects are not followed where tokens are involved.`,
      hint: 'Use the final address.',
    })
  }
  if (status !== 429 && status < 500) return undefined
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  return new ClientError('unreachable', `${url.origin} is not available at the moment.`, {
    reason: `It answered ${status} for ${url.pathname}.`,
    hint: 'Try again in a moment.',
    retryAfter: retryAfter > 0 ? retryAfter : undefined,
  })
}

/** The response with its whole body. Throws `metadata_invalid` for one that is larger than `limit` bytes, or nested too deep. */
export async function readWhole(url: URL, response: Response, limit: number): Promise<Response> {
  if (!response.body) return response
  const tooMuch = () =>
    new ClientError('metadata_invalid', `${url.origin} sends too much.`, {
      reason: `The answer of ${url.pathname} is larger than ${limit / 1024} KiB.`,
      hint: 'This is for the people who run the server to repair.',
    })
  const body = await readBounded(response.body, limit, tooMuch)
  if (isTooDeep(body.toString())) {
    throw new ClientError('metadata_invalid', `${url.origin} sends something that cannot be read.`, {
      reason: `The answer of ${url.pathname} is nested too deep.`,
    })
  }
  const { status, statusText, headers } = response
  return new Response(body, { status, statusText, headers })
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing is listening there (connection refused).',
  ECONNRESET: 'The connection was cut.',
  ENOTFOUND: 'There is no such host name.',
  EAI_AGAIN: 'The host name could not be looked up.',
  UND_ERR_CONNECT_TIMEOUT: 'The connection timed out.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Its certificate is self-signed (set NODE_EXTRA_CA_CERTS to trust it).',
  SELF_SIGNED_CERT_IN_CHAIN: 'Its certificate is signed by an unknown authority (set NODE_EXTRA_CA_CERTS to trust it).',
  CERT_HAS_EXPIRED: 'Its certificate has expired.',
}

function describe(error: unknown, seconds: number): string {
  if (!(error instanceof Error)) return cleanLine(String(error))
  if (error.name === 'TimeoutError') return `There was no answer within ${seconds} s.`
  let cause: Error & { code?: string } = error
  for (let depth = 0; cause.cause instanceof Error && depth < 10; depth += 1) cause = cause.cause
  return reasons[cause.code ?? ''] ?? cleanLine(cause.message || error.message)
}
