// The issuer's keys, and what happens to them while the issuer is away. jose keeps the keys, joins concurrent loads and
// bounds look-ups of unknown key ids; this file decides what may become the key set, and how old it may grow.
import { createRemoteJWKSet, customFetch, importJWK, type JWK, type JWTVerifyGetKey } from 'jose'
import { clockTolerance } from './access-token.ts'
import { IssuerError } from './errors.ts'
import { fetchDocument, fetchJson, toIssuerError } from './fetch-json.ts'
import { issuerMetadataUrls } from './issuer-metadata.ts'

export interface RemoteKeySetOptions {
  /** The issuer identifier, byte for byte as its metadata has it. */
  readonly issuer: string
  /** The key set's address. By default the `jwks_uri` of the issuer's metadata (RFC 8414, else OpenID discovery). */
  readonly url?: string | undefined
  /** Milliseconds for one load, metadata included. Default 2 500. */
  readonly timeout?: number
  /** Milliseconds between two loads for the sake of an unknown key id. Default 30 000. */
  readonly cooldown?: number
  /** Milliseconds before the next load after one that failed. Default 2 000. */
  readonly retryAfter?: number
  /**
   * Milliseconds after which keys are loaded again at the latest, so for how long a withdrawn key still counts. Less where the
   * issuer's answer may be kept for less. Default 600 000.
   */
  readonly maxAge?: number
  /** Milliseconds for which known keys serve while the issuer is away. Default 24 hours. */
  readonly maxStale?: number
  /** Bytes of one document. Default 262 144. */
  readonly maxBytes?: number
  /** Told of each load that failed, with the reason. The keys stay as they were. */
  readonly onFailure?: (error: IssuerError) => void
  /**
   * Told at each load by how many seconds the clock of this process is ahead of the issuer's, negative if it is behind,
   * where that is more than tokens are forgiven: {@link clockTolerance}.
   */
  readonly onClockDifference?: (seconds: number) => void
}

export interface RemoteKeySet extends JWTVerifyGetKey {
  /** Whether there are keys to verify with. Starts a load where one is due, so that a probe is enough to recover. */
  readonly ready: () => boolean
  /** Milliseconds since keys were last loaded; infinite before the first time. */
  readonly age: () => number
  /**
   * A number for the keys as they are, another after each load that changed them. Undefined while a look-up has more to do
   * than to look: none were loaded, they are being loaded, or are due to be.
   */
  readonly generation: () => number | undefined
}

/**
 * The keys of an issuer, for {@link createTokenVerifier}.
 *
 * Keys are loaded when first needed, again in the background from half of their age on, and for an unknown key id. An
 * answer that holds no ES256 key, is no JSON, is too big, or does not come, changes nothing: the keys that are known
 * serve on for `maxStale`. Only then, and before the first load, does a look-up throw {@link IssuerError}.
 */
export function createRemoteKeySet(options: RemoteKeySetOptions): RemoteKeySet {
  const { issuer, url, timeout = 2_500, cooldown = 30_000, retryAfter = 2_000 } = options
  const { maxAge = 600_000, maxStale = 86_400_000, maxBytes = 262_144, onFailure, onClockDifference } = options
  // Of the monotonic clock: a clock that is set back must not make keys young.
  let loadedAt = Number.NEGATIVE_INFINITY
  let failedAt = Number.NEGATIVE_INFINITY
  let freshFor = maxAge
  let loaded = ''
  let generation = 0

  const remote = createRemoteJWKSet(new URL(url ?? issuer), {
    timeoutDuration: timeout,
    cooldownDuration: cooldown,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: async (_url, { signal }) => {
      if (performance.now() < failedAt + retryAfter) throw new IssuerError('the last load failed a moment ago')
      try {
        const address = url ?? (await discoverKeySet(issuer, { signal, maxBytes }))
        const document = await fetchDocument(address, { signal, maxBytes })
        const keys = await usableKeys(document?.value)
        const answer = JSON.stringify({ keys })
        if (answer !== loaded) generation += 1
        loaded = answer
        loadedAt = performance.now()
        const ahead = Math.round((Date.now() - (document?.senderTime ?? Date.now())) / 1_000)
        if (Math.abs(ahead) > clockTolerance) onClockDifference?.(ahead)
        // an issuer that allows no copy at all is not asked for its keys at each request either
        freshFor = Math.min(Math.max(document?.freshFor ?? maxAge, retryAfter), maxAge)
        return new Response(answer, { headers: { 'content-type': 'application/json' } })
      } catch (cause) {
        failedAt = performance.now()
        const error = toIssuerError(cause)
        onFailure?.(error)
        throw error
      }
    },
  })

  const age = (): number => performance.now() - loadedAt
  const refresh = (): Promise<void> => remote.reload().catch(() => {}) // told to onFailure

  async function freshen(): Promise<void> {
    if (age() > maxStale) return await remote.reload()
    const failing = failedAt > loadedAt
    // Past its age a key may have been withdrawn: wait for the answer, once; but not at each request of an outage.
    if (age() > freshFor && !failing) await refresh()
    else if (age() > freshFor / 2) void refresh()
  }

  const keySet: JWTVerifyGetKey = async (header, token) => {
    await freshen()
    return await remote(header, token)
  }
  return Object.assign(keySet, {
    age,
    // while jose loads, a look-up may still be answered from the keys before
    generation: () => (remote.reloading || age() > freshFor / 2 ? undefined : generation),
    ready: () => {
      freshen().catch(() => {}) // told to onFailure
      return age() <= maxStale
    },
  })
}

/** RFC 8414 §3, and OpenID Connect Discovery §4 for issuers that have only that. */
async function discoverKeySet(
  issuer: string,
  limits: { readonly signal: AbortSignal; readonly maxBytes: number },
): Promise<string> {
  const { protocol } = new URL(issuer)
  const addresses = issuerMetadataUrls(issuer)
  const oauth = await fetchJson(addresses['oauth-authorization-server'], limits, { absent: true })
  const metadata = oauth ?? (await fetchJson(addresses['openid-configuration'], limits))
  if (!isObject(metadata) || metadata.issuer !== issuer) {
    throw new IssuerError(`the metadata of ${issuer} is not that of this issuer`)
  }
  const address = typeof metadata.jwks_uri === 'string' ? URL.parse(metadata.jwks_uri) : null
  if (!address || (address.protocol !== 'https:' && address.protocol !== protocol)) {
    throw new IssuerError(`the metadata of ${issuer} has no usable jwks_uri`)
  }
  return address.href
}

/** The public ES256 keys of a key set, and nothing else of it. */
async function usableKeys(document: unknown): Promise<JWK[]> {
  if (!isObject(document) || !Array.isArray(document.keys)) throw new IssuerError('the answer is no key set')
  const keys: JWK[] = []
  for (const member of document.keys) {
    const key = await toVerificationKey(member)
    if (key) keys.push(key)
  }
  if (keys.length === 0) throw new IssuerError('the key set has no ES256 key')
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw new IssuerError('the key set has a key id twice')
  return keys
}

async function toVerificationKey(member: unknown): Promise<JWK | undefined> {
  if (!isObject(member)) return undefined
  const { kty, crv, x, y, kid, alg = 'ES256', use = 'sig' } = member
  if (kty !== 'EC' || crv !== 'P-256' || alg !== 'ES256' || use !== 'sig') return undefined
  if (typeof x !== 'string' || typeof y !== 'string' || (kid !== undefined && typeof kid !== 'string')) return undefined
  const key: JWK = { kty, crv, x, y, alg, use, ...(kid !== undefined && { kid }) }
  const imports = await importJWK(key, 'ES256').then(
    () => true,
    () => false, // not a point on the curve
  )
  return imports ? key : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
