// What a transport throws, as what it means for the caller: whether anything was sent, and what to do about it.
import { InsufficientScopeError, SdkHttpError, UnauthorizedError } from '@modelcontextprotocol/client'
import { z } from 'zod'
import { RpcError, UpstreamError, type UpstreamFault } from './contract.ts'

/** What an upstream of the 2025 era answers where it does not know the session that a request named. */
export class SessionLostError extends Error {
  /** Whether it says so: the request was not gone into. A bare 404 may come from anywhere, after anything. */
  readonly isCertain: boolean
  /** What it said by JSON-RPC. */
  readonly said: RpcError | undefined
  constructor(status: number, isCertain: boolean, said: RpcError | undefined) {
    super(`HTTP ${status}`)
    this.name = 'SessionLostError'
    this.isCertain = isCertain
    this.said = said
  }
}

/** Characters. */
const longestError = 65_536

/** Codes of `fetch` for what never left. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** `mayHaveRun`: of a request that changes something. */
export function faultOf(name: string, error: Error, mayHaveRun = false): Error {
  if (error instanceof UpstreamError) return error
  if (error instanceof UnauthorizedError || error instanceof InsufficientScopeError) return unauthorized(name, error)
  if (error instanceof SdkHttpError) return httpFault(name, error, mayHaveRun)
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof UpstreamError) return cause
    const code = 'code' in cause ? String(cause.code) : ''
    if (neverSent.has(code))
      return new UpstreamError(name, 'unreachable', `${name} cannot be reached (${code})`, { cause: error })
  }
  return new UpstreamError(name, 'interrupted', `The connection to ${name} broke: the call may have run`, {
    cause: error,
  })
}

/** For the log. What an upstream wrote, which errors of the SDK and of JSON quote, is not for it. */
export function withoutBody(error: Error): Error {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof SyntaxError) return new Error('The upstream sent what is no JSON')
  if (!(error instanceof SdkHttpError)) return error
  const { status } = error.data as { readonly status: number }
  return new Error(`The upstream answered with HTTP ${status}`)
}

function httpFault(name: string, error: SdkHttpError, mayHaveRun: boolean): Error {
  const { status, text } = error.data as { readonly status: number; readonly text?: unknown }
  const fault = (kind: UpstreamFault, message: string) => new UpstreamError(name, kind, message, { hasAnswered: true })
  // what one call is refused for says nothing of the credential
  if (status === 403 && mayHaveRun) return fault('invalid', `${name} refuses this call (HTTP 403)`)
  if (status === 401 || status === 403) return unauthorized(name, error)
  const said = rpcErrorIn(text)
  const words = said ? said.message : text
  const isCertain = (status === 404 || status === 400) && saysThatItIsLost(words)
  // what a tool says of sessions is an answer, unless the status says the same
  const isLost = status === 404 ? !said || isAboutSession(words) : status === 400 && !said && isAboutSession(words)
  if (isCertain || isLost) return new SessionLostError(status, isCertain, said)
  if (said) return said
  if (status === 429) return fault('busy', `${name} answers that it is busy (HTTP 429)`)
  if (status === 502 || status === 504) {
    // the one who stands in between says so, and may have passed the request on
    return mayHaveRun
      ? fault('interrupted', `${name} broke off (HTTP ${status}): the call may have run`)
      : fault('unreachable', `${name} is unavailable (HTTP ${status})`)
  }
  if (status === 503) return fault('unreachable', `${name} is unavailable (HTTP 503)`)
  return fault('invalid', `${name} answered with HTTP ${status}`)
}

const rpcBody = z.object({ error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }) })

/** An answer may say what is wrong in its body, whatever its status. */
function rpcErrorIn(text: unknown): RpcError | undefined {
  if (typeof text !== 'string' || text.length > longestError) return undefined
  try {
    const { error } = rpcBody.parse(JSON.parse(text))
    return new RpcError(error.code, error.message, error.data)
  } catch {
    return undefined
  }
}

function unauthorized(name: string, cause: Error): UpstreamError {
  return new UpstreamError(
    name,
    'unauthorized',
    `${name} refuses the gateway's credential: its operator has to mend that`,
    { cause, hasAnswered: true },
  )
}

/** Servers that were restarted say so in words: there is no code for it before 404. */
function isAboutSession(text: unknown): boolean {
  return typeof text === 'string' && /session/i.test(text)
}

/** In the words of the SDKs, at the beginning: a tool that fails may speak of sessions, too. */
function saysThatItIsLost(text: unknown): boolean {
  const words =
    /^(bad request: |not found: )?((session|mcp-session-id)( id)?( was)? (not found|not provided|is required|expired)|(no valid|unknown|invalid( or expired)?|expired|missing) session)/i
  return typeof text === 'string' && words.test(text)
}
