// What goes wrong on the way to a token, as what it means: for callers a kind, for the operator words with what to do. Of what the
// other side wrote nothing is repeated but codes of RFC 6749 and its name for itself, and that to the operator alone.
import { ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import { type CredentialTrouble, UpstreamError } from '../upstreams/contract.ts'

export interface Failures {
  /** `step`: what was asked for. */
  of(step: 'metadata' | 'token', error: unknown): UpstreamError
  isNotFound(error: unknown): boolean
  otherIssuer(found: unknown): UpstreamError
  noTokenEndpoint(): UpstreamError
  unsafeTokenEndpoint(): UpstreamError
  otherMethod(ours: readonly string[]): UpstreamError
  noToken(): UpstreamError
  /** `why` names the variable or the path. */
  unreadable(why: string): UpstreamError
}

/** Codes of the token endpoint that pass by themselves. */
const passing = new Set(['temporarily_unavailable', 'server_error'])
const whatToMend: Readonly<Record<string, string>> = {
  invalid_scope: 'mend credential.scope',
  invalid_target: 'mend credential.resource: it has to be what that server calls the upstream',
  unauthorized_client: 'that server has to allow this client the grant client_credentials',
  unsupported_grant_type: 'that server does not know the grant client_credentials',
}

export function createFailures(name: string, issuer: string): Failures {
  const its = `${name}: the authorization server of its credential`

  function mend(about: CredentialTrouble, words: string, detail?: string): UpstreamError {
    return new UpstreamError(name, 'unauthorized', `${its} ${words}`, { about, detail })
  }

  function away(why: string): UpstreamError {
    const message = `${its}, ${issuer}, is unavailable (${why}): see that it runs, and that credential.issuer is right`
    return new UpstreamError(name, 'unreachable', message, { about: 'token-endpoint' })
  }

  const otherIssuer = (found: unknown): UpstreamError =>
    mend(
      'issuer',
      'calls itself by another name than credential.issuer: write its own name there, if it is the right server',
      `it says ${String(JSON.stringify(found)).slice(0, 256)}, the file says ${JSON.stringify(issuer)}`,
    )

  function ofStatus(step: 'metadata' | 'token', status: number): UpstreamError {
    if (status >= 500 || status === 429 || status === 408) return away(`HTTP ${status}`)
    if (status >= 300 && status < 400)
      return mend('issuer', `answers with a redirect (HTTP ${status}), which is not followed: name its own address`)
    if (step === 'metadata')
      return mend('issuer', `has no metadata at the address that RFC 8414 makes of credential.issuer (HTTP ${status})`)
    if (status === 401) return refused('HTTP 401')
    return mend('token', `answered with HTTP ${status} in the place of a token`)
  }

  const refused = (why: string): UpstreamError =>
    mend('client', `does not take the gateway's client (${why}): mend credential.clientId, or its secret or key`)

  function ofCode(code: string, status: number): UpstreamError {
    const word = /^[a-z_]{1,64}$/.test(code) ? code : 'an unknown error'
    if (passing.has(word) || status >= 500 || status === 429) return away(word)
    if (word === 'invalid_client') return refused(word)
    return mend('token', `gives no token (${word}): ${whatToMend[word] ?? 'look at credential, and at the log there'}`)
  }

  return {
    otherIssuer,
    isNotFound: (error) => statusIn(error) === 404,
    noTokenEndpoint: () => mend('issuer', 'names no token endpoint in its metadata'),
    unsafeTokenEndpoint: () =>
      mend('issuer', 'names a token endpoint that is not https: a secret goes there, so it has to be'),
    otherMethod: (ours) =>
      mend('client', `takes clients by other means than ${ours.join(' and ')}: mend credential, or its settings`),
    noToken: () => mend('token', 'gave a token that is no bearer token'),
    unreadable: (why) => mend('client', "is not asked, as the gateway's own secret or key cannot be read", why),

    of(step, error) {
      if (error instanceof UpstreamError) return error
      if (error instanceof ResponseBodyError) return ofCode(error.error, error.status)
      if (error instanceof WWWAuthenticateChallengeError) return ofStatus(step, error.status)
      const status = statusIn(error)
      if (status !== undefined && status !== 200) return ofStatus(step, status)
      if (!(error instanceof ClientError)) return away(codeIn(error) ?? 'no answer')
      if (error.code === 'OAUTH_TIMEOUT') return away('no answer in time')
      if (isOtherIssuer(error)) return otherIssuer((error.cause as { body?: { issuer?: unknown } }).body?.issuer)
      const code = codeIn(error)
      if (code !== undefined && !code.startsWith('OAUTH_')) return away(code)
      return mend(step === 'metadata' ? 'issuer' : 'token', `sent what is no ${what[step]}`)
    },
  }
}

const what = { metadata: 'metadata of an authorization server', token: 'answer of a token endpoint' }

function isOtherIssuer({ code }: ClientError): boolean {
  return code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'
}

/** Of an answer that the library refused. */
function statusIn(error: unknown): number | undefined {
  const cause = error instanceof ClientError ? error.cause : undefined
  return cause instanceof Response ? cause.status : undefined
}

/** Such as ECONNREFUSED, or what is wrong with a certificate. */
function codeIn(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { readonly code?: unknown }
    if (typeof code === 'string' && /^[A-Z_0-9]{1,64}$/.test(code) && !code.startsWith('OAUTH_')) return code
  }
  return undefined
}
