import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { InvalidTokenError, type RefusalReason } from './errors.ts'
import { createVerifiedTokens } from './verified-tokens.ts'

/** Whom an access token was issued to. */
export interface Caller {
  /** `sub`: a person, or the client itself where it acts for nobody. */
  readonly subject: string
  readonly clientId: string
  /** As granted: what a scope implies is the resource's to say. */
  readonly scopes: ReadonlySet<string>
  /** Seconds since the epoch. */
  readonly expiresAt: number
  /** `jti` */
  readonly tokenId: string
  /** Groups that the person is in, by the issuer's names (RFC 9068 §2.2.3.1). What they allow is the resource's to say. */
  readonly groups: readonly string[]
  /** The whole claims set, its signature verified. Frozen: callers with one token share it. */
  readonly claims: Readonly<Record<string, unknown>>
}

export interface TokenVerifierOptions {
  /** The issuer identifier, compared byte for byte. */
  readonly issuer: string
  /** This resource's identifier: the one audience, compared byte for byte. */
  readonly resource: string
  /** The issuer's keys, as from `createRemoteKeySet`. Without its `generation` every token is verified each time. */
  readonly keys: JWTVerifyGetKey & { readonly generation?: () => number | undefined }
  /**
   * How many tokens are known again while the keys stay as they are, by a digest of them: a signature is verified once, and
   * all that depends on the time is judged each time. 0: none are. Default 5 000.
   */
  readonly remembered?: number
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
}

/** Seconds by which clocks may differ: so long after it expired is a token still taken. */
export const clockTolerance = 30

/** The last second a Date can show: what is beyond is no time. */
const endOfTime = 8_640_000_000_000

const compactJws = /^[\w-]+\.[\w-]+\.[\w-]+$/
const scopeList = /^(?:[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*)?$/

/** Header members that change what the rest of a token means. `jku`, `jwk`, `x5u` and `x5c` are merely never looked at. */
const refusedHeaders = ['crit', 'b64', 'zip']

/** The closed set of jose's errors that are the token's fault. All others are ours, a failing key endpoint above all. */
const tokenFaults: Readonly<Record<string, RefusalReason>> = {
  ERR_JWS_INVALID: 'malformed',
  ERR_JWT_INVALID: 'malformed',
  ERR_JOSE_ALG_NOT_ALLOWED: 'algorithm',
  ERR_JOSE_NOT_SUPPORTED: 'header',
  ERR_JWKS_NO_MATCHING_KEY: 'unknown_key',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'unknown_key', // no `kid`, and more than one key
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'signature',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'claims',
  ERR_JWT_EXPIRED: 'expired',
}

const claimFaults: Readonly<Record<string, RefusalReason>> = {
  typ: 'type',
  iss: 'issuer',
  aud: 'audience',
  exp: 'time',
  iat: 'time',
  nbf: 'time',
}

/**
 * Turns an RFC 9068 access token into the caller it was issued to: signed with ES256 by a key of the issuer, for this
 * resource alone, and valid now, give or take 30 seconds.
 *
 * Throws {@link InvalidTokenError} for a token we refuse; any other error is ours and becomes a 503.
 * Does NOT check scopes (what a route needs is the route's to say), nor whether the token was revoked: it ends when it
 * expires, so its issuer keeps it short-lived. A token that is bound to a key (`cnf`) is refused: the proof is NOT checked.
 */
export function createTokenVerifier(options: TokenVerifierOptions) {
  const { issuer, resource, keys, clock = Date.now, remembered = 5_000 } = options
  const verified = createVerifiedTokens(remembered)

  return async function verifyAccessToken(token: string): Promise<Caller> {
    const now = clock()
    const seconds = Math.floor(now / 1000)
    // before the signature is verified: what it is remembered with must not be newer than the keys that verified it
    const generation = keys.generation?.()
    const known = verified.find(token, generation)
    if (known && isCurrent(known, seconds)) return callerOf(known, resource, seconds)
    if (!compactJws.test(token) || !isCanonical(token)) throw new InvalidTokenError('malformed')
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      typ: 'at+jwt',
      algorithms: ['ES256'],
      issuer,
      audience: resource,
      requiredClaims: ['iss', 'aud', 'sub', 'client_id', 'exp', 'iat', 'jti'],
      clockTolerance,
      currentDate: new Date(now),
    }).catch(refuse)
    if (refusedHeaders.some((name) => name in protectedHeader)) throw new InvalidTokenError('header')
    const caller = callerOf(payload, resource, seconds)
    verified.remember(token, generation, payload)
    return caller
  }
}

/** What jose says of `exp` and `nbf`, and how; `now` is in seconds. {@link callerOf} judges `iat`. */
function isCurrent({ exp = 0, nbf = 0 }: JWTPayload, now: number): boolean {
  return exp > now - clockTolerance && nbf <= now + clockTolerance
}

/**
 * The unused bits of the last character of a signature are zero: otherwise one token has several spellings. Four characters
 * are three bytes; two or three at the end leave four or two bits over.
 */
function isCanonical(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1)
  const allowed = [/./, /^$/, /[AQgw]$/, /[AEIMQUYcgkosw048]$/][signature.length % 4]
  return allowed?.test(signature) ?? false
}

function refuse(error: unknown): never {
  if (!(error instanceof errors.JOSEError)) throw error
  const reason = tokenFaults[error.code]
  if (reason === undefined) throw error
  if (!(error instanceof errors.JWTClaimValidationFailed)) throw new InvalidTokenError(reason)
  const isEarly = error.claim === 'nbf' && error.reason === 'check_failed'
  throw new InvalidTokenError(isEarly ? 'not_yet' : (claimFaults[error.claim] ?? reason))
}

/** What jose leaves to us. `now` is in seconds. */
function callerOf(claims: JWTPayload, resource: string, now: number): Caller {
  const { aud, exp, iat, nbf, sub, jti, client_id: clientId, scope = '' } = claims
  const audience = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud
  if (audience !== resource) throw new InvalidTokenError('audience')
  // RFC 7800: for who holds a key, which nobody proved here. Taken as a bearer token it would protect nobody
  if (claims.cnf !== undefined) throw new InvalidTokenError('bound')
  if (!isTime(exp) || !isTime(iat) || (nbf !== undefined && !isTime(nbf))) throw new InvalidTokenError('time')
  if (iat > now + clockTolerance) throw new InvalidTokenError('not_yet')
  if (!isText(sub) || !isText(clientId) || !isText(jti) || typeof scope !== 'string' || !scopeList.test(scope)) {
    throw new InvalidTokenError('claims')
  }
  const scopes = new Set(scope.split(' ').filter(Boolean))
  return { subject: sub, clientId, scopes, expiresAt: exp, tokenId: jti, groups: groupsIn(claims.groups), claims }
}

/** A group that could not be one of the resource's counts as none: a group only ever opens something. */
function groupsIn(claim: unknown): readonly string[] {
  return Array.isArray(claim) ? claim.filter(isText) : []
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= endOfTime
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
