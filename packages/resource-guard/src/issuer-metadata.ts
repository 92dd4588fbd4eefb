// The issuer's own description of itself, as it publishes it: RFC 8414, and OpenID Connect Discovery.
import { IssuerError } from './errors.ts'
import { fetchDocument, toIssuerError } from './fetch-json.ts'

export type MetadataKind = 'oauth-authorization-server' | 'openid-configuration'

export interface IssuerMetadataOptions {
  /** The issuer identifier, byte for byte as its metadata has it. */
  readonly issuer: string
  /** Where the issuer is reached from here, if not under its own name: `scheme://host:port`. */
  readonly reachedAt?: string | undefined
  /** Milliseconds for one load. Default 2 500. */
  readonly timeout?: number
  /** Milliseconds after which a document is loaded again. Default 600 000. */
  readonly maxAge?: number
  /** Milliseconds for which a known document serves while the issuer is away. Default 24 hours. */
  readonly maxStale?: number
  /** Milliseconds before the next load after one that failed. Default 2 000. */
  readonly retryAfter?: number
  /** Bytes of one document. Default 262 144. */
  readonly maxBytes?: number
  /** Told of each load that failed. */
  readonly onFailure?: ((error: IssuerError) => void) | undefined
}

/** Where an issuer's documents are: RFC 8414 §3.1 puts its part between host and path, OpenID Discovery §4 behind it. */
export function issuerMetadataUrls(issuer: string, reachedAt?: string): Readonly<Record<MetadataKind, string>> {
  const { origin, pathname } = new URL(issuer)
  const base = reachedAt ?? origin
  const path = pathname.replace(/\/$/, '')
  return {
    'oauth-authorization-server': `${base}/.well-known/oauth-authorization-server${path}`,
    'openid-configuration': `${base}${path}/.well-known/openid-configuration`,
  }
}

/** Where clients look for each document on a resource's host: at the root, and with the resource's path in the three ways there are. */
export function issuerMetadataPaths(resource: string): Readonly<Record<MetadataKind, readonly string[]>> {
  const path = new URL(resource).pathname.replace(/\/$/, '')
  const kinds = ['oauth-authorization-server', 'openid-configuration'] as const
  const pathsOf = (kind: MetadataKind) => [
    ...new Set([`/.well-known/${kind}`, `/.well-known/${kind}${path}`, `${path}/.well-known/${kind}`]),
  ]
  return Object.fromEntries(kinds.map((kind) => [kind, pathsOf(kind)])) as Record<MetadataKind, string[]>
}

/**
 * Reads one of the issuer's documents, as it came. Undefined where the issuer has none of this kind. Loads are joined, and
 * what is known serves on while the issuer is away; only without it does a read throw {@link IssuerError}, as for a
 * document of another issuer.
 */
export function createIssuerMetadata(options: IssuerMetadataOptions) {
  const { issuer, reachedAt, timeout = 2_500, maxAge = 600_000, maxStale = 86_400_000 } = options
  const { retryAfter = 2_000, maxBytes = 262_144, onFailure } = options
  const urls = issuerMetadataUrls(issuer, reachedAt)

  function createReader(kind: MetadataKind): () => Promise<string | undefined> {
    let known: { readonly text: string | undefined; readonly at: number } | undefined
    let failedAt = Number.NEGATIVE_INFINITY
    let loading: Promise<string | undefined> | undefined

    async function load(): Promise<string | undefined> {
      try {
        const limits = { signal: AbortSignal.timeout(timeout), maxBytes }
        const document = await fetchDocument(urls[kind], limits, { absent: true })
        if (document && !isOf(issuer, document.value)) {
          throw new IssuerError(`the metadata of ${issuer} is not that of this issuer`)
        }
        known = { text: document?.text, at: performance.now() }
        return known.text
      } catch (cause) {
        failedAt = performance.now()
        const error = toIssuerError(cause)
        onFailure?.(error)
        throw error
      }
    }

    return async function read() {
      const now = performance.now()
      const age = known ? now - known.at : Number.POSITIVE_INFINITY
      if (known && age <= maxAge) return known.text
      const isFailing = now < failedAt + retryAfter
      if (isFailing && !known) throw new IssuerError('the last load failed a moment ago')
      if (!isFailing) {
        loading ??= load().finally(() => {
          loading = undefined
        })
        if (!known || age > maxStale) return await loading
        await loading.catch(() => undefined) // told to onFailure; what is known will do
      }
      return known?.text
    }
  }

  return {
    'oauth-authorization-server': createReader('oauth-authorization-server'),
    'openid-configuration': createReader('openid-configuration'),
  } satisfies Record<MetadataKind, () => Promise<string | undefined>>
}

function isOf(issuer: string, document: unknown): boolean {
  return typeof document === 'object' && document !== null && 'issuer' in document && document.issuer === issuer
}
