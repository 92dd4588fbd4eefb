// The running oidc-provider. Its key set is fixed when it is made, so another key set means another instance: all state is
// in the store, and requests under way end on the one they began with. Until the store has given us keys there is no engine.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientMetadata, Provider } from 'oidc-provider'
import { ConfigError, GatehouseError, StoreUnavailableError } from '../errors.ts'
import { emptyRing, type KeyLifetimes, type KeyRing, publishedKeys } from '../keys/key-ring.ts'
import { type KeyDocuments, reconcileKeys } from '../keys/reconcile.ts'
import {
  nominalKeys,
  type SigningAlgorithm,
  type SigningKey,
  sameKeys,
  signingAlgorithms,
} from '../keys/signing-keys.ts'
import type { Clock } from '../store/contract.ts'

/** How soon a replica notices what another, or an operator, did to the keys. keys-command.ts waits for longer than this. */
const reconcileMs = 5_000
const retryMs = 500

export interface Engine {
  /** Throws {@link StoreUnavailableError} until there is one. */
  provider(): Provider
  /** Answers a request that mount.ts has prepared. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Makes a provider of each key set. Tries once; goes on trying by itself until {@link stop} is called. */
  start(create: CreateProvider): Promise<void>
  stop(): void
}

export type CreateProvider = (keys: readonly SigningKey[]) => Provider

export interface EngineOptions {
  readonly documents: KeyDocuments
  readonly clock: Clock
  readonly lifetimes: KeyLifetimes
  /** Told of trouble with the keys, once each time it begins. */
  readonly onTrouble: (error: Error) => void
  /** Told that the store had no keys of an algorithm: `made` new ones, or `written_back` those that this process holds. */
  readonly onKeysWritten: (what: 'made' | 'written_back', algorithms: readonly SigningAlgorithm[]) => void
  /** Told when other keys are published than before, or another one signs; not of the first ones. */
  readonly onKeysChanged: (change: KeysChange) => void
}

/** Key ids of one algorithm. Of both lists the first one signs. */
export interface KeysChange {
  readonly alg: SigningAlgorithm
  readonly before: readonly string[]
  readonly published: readonly string[]
  /** Those of `before` that an operator removed. */
  readonly removed: readonly string[]
}

export function createEngine(options: EngineOptions): Engine {
  const { documents, clock, lifetimes, onTrouble, onKeysWritten, onKeysChanged } = options
  let rings: readonly KeyRing[] = signingAlgorithms.map(emptyRing)
  let keys: readonly SigningKey[] = []
  let current: { readonly provider: Provider; readonly callback: ReturnType<Provider['callback']> } | undefined
  let create: CreateProvider
  let timer: NodeJS.Timeout | undefined
  let troubled = false
  let stopped = false

  const running = () => {
    if (!current) throw new StoreUnavailableError()
    return current
  }

  /** By the clock, so also while the store is away: the next key's time comes for all replicas at once. */
  const use = () => {
    const published = rings.flatMap((ring) => publishedKeys(ring, clock()))
    if (rings.some((ring) => ring.keys.length === 0) || sameKeys(published, keys)) return
    const provider = create(published)
    const before = keys
    current = { provider, callback: provider.callback() }
    keys = published
    if (before.length > 0) for (const ring of rings) tellChange(ring, before)
  }
  const tellChange = ({ alg, removed }: KeyRing, former: readonly SigningKey[]) => {
    const [before, published] = [kidsOf(former, alg), kidsOf(keys, alg)]
    if (String(before) !== String(published))
      onKeysChanged({ alg, before, published, removed: before.filter((kid) => removed.includes(kid)) })
  }
  const reconcile = async () => {
    const written = { made: [] as SigningAlgorithm[], written_back: [] as SigningAlgorithm[] }
    try {
      rings = await Promise.all(
        rings.map((ring) =>
          reconcileKeys(ring, {
            documents,
            lifetimes,
            now: clock(),
            onWritten: (what) => void written[what].push(ring.alg),
          }),
        ),
      )
      troubled = false
    } catch (error) {
      if (!troubled) onTrouble(error as Error)
      troubled = true
      if (!(error instanceof StoreUnavailableError)) throw error
    } finally {
      for (const what of ['made', 'written_back'] as const)
        if (written[what].length > 0) onKeysWritten(what, written[what])
      use()
    }
  }
  const again = () => {
    if (stopped) return
    timer = setTimeout(
      () =>
        void reconcile()
          .catch(() => undefined)
          .finally(again),
      current ? reconcileMs : retryMs,
    )
    timer.unref()
  }

  return {
    provider: () => running().provider,
    handle: (request, response) => running().callback(request, response),
    async start(createProvider) {
      create = createProvider
      await reconcile().catch((error: unknown) => {
        throw error instanceof GatehouseError && error.code === 'seal_broken' ? otherSecret(error) : error
      })
      again()
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** Throws what oidc-provider would refuse in a client's metadata. Needs no store. */
export function createClientCheck(create: CreateProvider): (metadata: ClientMetadata) => Promise<void> {
  let provider: Provider | undefined
  return async (metadata) => {
    provider ??= create(nominalKeys)
    await (provider.Client as unknown as { validate(metadata: ClientMetadata): Promise<void> }).validate(metadata)
  }
}

function kidsOf(keys: readonly SigningKey[], algorithm: SigningAlgorithm): readonly string[] {
  return keys.filter(({ alg }) => alg === algorithm).map(({ kid }) => kid)
}

/** Better no start than new keys beside data that cannot be read any more. */
function otherSecret(cause: Error): ConfigError {
  return new ConfigError(
    [
      'AUTH_SECRET is not the one that the store was written with: give that one, as AUTH_SECRET_PREVIOUS if this is the new one.',
    ],
    { cause },
  )
}
