// Client id metadata documents: a client whose id is the https address of its own metadata. The document says who it is,
// and the host of the address vouches for it. One cache for all replicas, in the store: a document counts for as long as
// its owner says (within bounds), a day longer while its host is away, and a failure for a minute, so that nobody can make
// us ask the same address again and again.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseJson } from '@gatehouse/shared'
import { type ClientMetadata, errors, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import { z } from 'zod'
import { type Taken, takeEach, takeShare } from '../../../limits/budgets.ts'
import { limits } from '../../../limits/matrix.ts'
import { networkOf } from '../../../limits/network.ts'
import type { AttemptStore, Clock, RecordStore } from '../../../store/contract.ts'
import { registrationMember } from '../own-metadata.ts'
import { dropUnused } from '../unused-metadata.ts'
import { isAdmitted } from './admitted-hosts.ts'
import { DocumentUnavailableError } from './document-unavailable.ts'
import { DocumentFetchError, type FetchedDocument } from './safe-fetch.ts'

const model = 'ClientDocument'
const freshMs = { least: 300_000, most: 86_400_000 }
const staleMs = 86_400_000
const failureMs = 60_000
const longestId = 2_048
/** Characters, without what nobody reads. The draft of the documents recommends 5 KB; so much a stranger can make us keep. */
const mostKept = 5_120
/** Of hosts, each of which is in the log once in failureMs. */
const remembered = 1_000
/** A little longer than a fetch may take. */
const elsewhereMs = 3_000
const lookAgainMs = 50

/** Whether this client id is the address of a document, or means to be. */
export function isDocumentId(clientId: string): boolean {
  return /^https:\/\//i.test(clientId)
}

export interface ClientDocuments {
  /**
   * Throws the engine's errors: `invalid_client` in words that tell the document's owner what to mend, and
   * {@link DocumentUnavailableError} for what is not the client's fault.
   */
  find(clientId: string): Promise<ClientMetadata>
}

export interface ClientDocumentsOptions {
  readonly records: RecordStore
  readonly attempts: AttemptStore
  readonly clock: Clock
  readonly fetch: (url: URL) => Promise<FetchedDocument>
  readonly hosts: { readonly allowed: readonly string[]; readonly denied: readonly string[] }
  /** Documents of this host were not read, for the first time in a while. */
  readonly onUnread: (unread: { readonly host: string; readonly reason: string }) => void
}

interface Cached {
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly problem?: string
  /** The problem is not one of the document. */
  readonly passing?: boolean
  /** In milliseconds since the epoch. */
  readonly freshUntil: number
  /** How long it counts while its host is away. */
  readonly staleUntil: number
}

const documentSchema = z
  .looseObject({
    client_id: z.string(),
    client_name: z.string().min(1),
    redirect_uris: z.array(z.string()).min(1),
    token_endpoint_auth_method: z.string().default('none'),
    token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
    client_secret: z.undefined({ error: 'must not be in a public document' }).optional(),
  })
  // One document is for all servers: it may prefer a method that we do not have (ChatGPT's: private_key_jwt), beside "none".
  .refine(
    ({ token_endpoint_auth_method: method, token_endpoint_auth_methods_supported: supported }) =>
      method === 'none' || supported?.includes('none'),
    {
      path: ['token_endpoint_auth_method'],
      error: 'must be "none", or token_endpoint_auth_methods_supported contain it: a public document holds no secret',
    },
  )
  .transform((document) => ({ ...document, token_endpoint_auth_method: 'none' }))

export function createClientDocuments(options: ClientDocumentsOptions): ClientDocuments {
  const { records, attempts, clock, fetch, hosts, onUnread } = options
  const underWay = new Map<string, Promise<Cached>>()
  const toldUntil = new Map<string, number>()

  const tell = (host: string, reason: string) => {
    if ((toldUntil.get(host) ?? 0) > clock()) return
    if (toldUntil.size >= remembered) toldUntil.clear()
    toldUntil.set(host, clock() + failureMs)
    onUnread({ host, reason })
  }

  const read = async (clientId: string) =>
    (await records.find(model, clientId))?.payload as unknown as Cached | undefined
  const write = async (clientId: string, cached: Cached, lifetime: number) => {
    await records.put(model, clientId, { ...cached }, lifetime)
    return cached
  }

  async function load(clientId: string, url: URL, stale: Cached | undefined): Promise<Cached> {
    const fetched = await fetchedElsewhere(clientId)
    if (fetched) return fetched
    const { risk, room } = await takeFetch(url, { isNew: !stale?.metadata })
    if (!room.allowed) {
      // nobody is to wait for what nobody fetches
      await attempts.giveBack(fetching(clientId))
      if (stale?.metadata) return stale
      throw new DocumentUnavailableError(url.host, 'busy', 'too many were asked for; try again later')
    }
    try {
      const { text, maxAge = 0 } = await fetch(url)
      const fresh = Math.min(Math.max(maxAge * 1000, freshMs.least), freshMs.most)
      const metadata = parseDocument(clientId, text)
      // what is good is not asked for again so soon: failures alone use up what is left for a host
      await risk.giveBack()
      const freshUntil = clock() + fresh
      const staleUntil = freshUntil + staleMs
      return await write(clientId, { metadata, freshUntil, staleUntil }, fresh + staleMs)
    } catch (error) {
      if (!(error instanceof DocumentFetchError)) throw error
      // nothing of it is kept
      await room.giveBack()
      const freshUntil = clock() + failureMs
      const passing = error.kind === 'unreachable'
      tell(url.host, error.message)
      // its host is away: what it said last still counts for a while
      const left = stale?.metadata && passing ? stale.staleUntil - clock() : 0
      if (stale && left > 0) return write(clientId, { ...stale, freshUntil }, left)
      return write(clientId, { problem: error.message, passing, freshUntil, staleUntil: freshUntil }, failureMs)
    }
  }

  /**
   * `risk` goes back with a document that is good, `room` with one that is not: it bounds how many there can be of these.
   * Nothing is taken unless there is room.
   */
  async function takeFetch(
    { host }: URL,
    { isNew }: { readonly isNew: boolean },
  ): Promise<{ risk: Taken; room: Taken }> {
    const address = (Provider.ctx as KoaContextWithOIDC | undefined)?.ip
    const network = address === undefined ? undefined : networkOf(address)
    const risk = await takeEach([
      () => takeShare(attempts, 'document_failed', limits.document_failed, network),
      () => takeShare(attempts, `document_host:${host}`, limits.document_host, network),
    ])
    if (!risk.allowed) return { risk, room: risk }
    const fetched = await takeShare(attempts, 'document', limits.document, network)
    const room =
      fetched.allowed && isNew
        ? await takeShare(attempts, 'document_new', limits.document_new, network)
        : nothingTaken(fetched)
    if (!room.allowed) await risk.giveBack()
    return { risk, room }
  }

  /** Waits for another process that asked for the same document a moment ago; undefined if none did, or nothing came. */
  async function fetchedElsewhere(clientId: string): Promise<Cached | undefined> {
    const { allowed } = await attempts.take(fetching(clientId), 1, elsewhereMs)
    for (let waited = 0; !allowed && waited < elsewhereMs; waited += lookAgainMs) {
      const cached = await read(clientId)
      if (cached && cached.freshUntil > clock()) return cached
      await sleep(lookAgainMs)
    }
    return undefined
  }

  return {
    async find(clientId) {
      const url = parseClientId(clientId)
      if (!isAdmitted(url.hostname, hosts)) {
        tell(url.host, 'AUTH_METADATA_HOSTS or AUTH_METADATA_HOSTS_DENIED keeps it out')
        throw new DocumentUnavailableError(url.host, 'not_admitted', '')
      }
      let cached = await read(clientId)
      if (!cached || cached.freshUntil <= clock()) {
        // one request for everybody in this process who waits for the same document
        const stale = cached
        const loading = underWay.get(clientId) ?? load(clientId, url, stale).finally(() => underWay.delete(clientId))
        underWay.set(clientId, loading)
        cached = await loading
      }
      const { metadata, problem = 'there is no such document', passing } = cached
      if (!metadata && passing) throw new DocumentUnavailableError(url.host, 'unreachable', problem)
      if (!metadata) throw new errors.InvalidClient(problem)
      return { ...metadata, client_id: clientId, [registrationMember]: 'document' } as ClientMetadata
    },
  }
}

/** Of what is not given back. */
function nothingTaken({ allowed, retryAfter }: Taken): Taken {
  return { allowed, retryAfter, giveBack: async () => undefined }
}

function fetching(clientId: string): string {
  return `client-document:${clientId}`
}

/** Throws for an id that cannot be the address of a document: nothing is fetched then. */
function parseClientId(clientId: string): URL {
  const url = clientId.length <= longestId ? URL.parse(clientId) : null
  // one spelling: what is compared later is what was judged here (so no dot segments, tabs, backslashes, empty users)
  const clean = url?.href === clientId && !url.username && !url.password && !clientId.includes('#')
  if (!clean || url.protocol !== 'https:' || url.pathname === '/' || url.hostname.endsWith('.')) {
    throw new errors.InvalidClient(
      'a client id that is an address must be https, in its normal form, with a path, and without user or fragment',
    )
  }
  return url
}

/** Throws {@link DocumentFetchError} `refused` with every fault of the document. */
function parseDocument(clientId: string, text: string): Record<string, unknown> {
  let json: unknown
  try {
    json = parseJson(text)
  } catch (error) {
    throw new DocumentFetchError('refused', `the document is ${(error as SyntaxError).message}`)
  }
  const result = documentSchema.safeParse(json)
  if (!result.success) {
    const faults = result.error.issues.map(({ path, message }) => `${path.join('.') || 'the document'}: ${message}`)
    throw new DocumentFetchError('refused', `the client document is faulty: ${faults.join('; ')}`)
  }
  if (result.data.client_id !== clientId) {
    throw new DocumentFetchError('refused', 'the client_id in the document is not the address that it was fetched from')
  }
  const document = { ...result.data }
  dropUnused(document)
  if (JSON.stringify(document).length > mostKept)
    throw new DocumentFetchError('refused', `the client document has more than ${mostKept} characters`)
  return document
}
