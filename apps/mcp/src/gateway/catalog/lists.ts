// What each upstream lists and says of itself, asked when it has to be, kept for ten minutes after its last good answer. One
// that is down, slow or mad has its last list, or none; nobody waits for it twice.
import {
  type Behalf,
  type Description,
  type Members,
  type Notification,
  type Owner,
  RpcError,
  type Upstream,
  UpstreamError,
} from '../upstreams/contract.ts'
import { createBreaker } from './breaker.ts'
import type { CatalogOptions, Kind } from './contract.ts'
import { changeKey, descriptionKey, listKey, usualDescriptionKey } from './keys.ts'
import { type Listed, listAll, listings } from './pages.ts'

/** Milliseconds: a list without a newer one, and what an upstream said of itself to a client of its own kind. */
const keptFor = 600_000
/** Milliseconds: what an upstream said of itself last to clients that can do the same of what is usual. */
const knownFor = 30 * 86_400_000
/** Milliseconds: how old a list may be where something is not in it. */
export const askedAgain = 5_000

export interface Kept extends Listed {
  /** When it was begun to be asked for: milliseconds of the clock, and what tells it from changes in the same one. */
  readonly at: number
  readonly stamp: number
  /** Left out of `items`, because it is not pinned. */
  readonly withheld?: readonly Members[]
}

/** How old a list may be, in milliseconds. `hint`: as old as the upstream said. */
export type Age = number | 'hint'

export interface Lists {
  /** Undefined: the upstream says nothing, and has not for ten minutes. */
  list(upstream: Upstream, kind: Kind, behalf: Behalf, age: Age): Promise<Kept | undefined>
  /** What is known without asking, whether it changed or not. */
  last(upstream: Upstream, kind: Kind, behalf: Behalf): Promise<Kept | undefined>
  description(upstream: Upstream, behalf: Behalf): Promise<Description | undefined>
  /** Where it has not said anything to such a client, what it said to one that can do the same of what is usual. */
  lastDescription(upstream: Upstream, behalf: Behalf): Promise<Description | undefined>
  /** What was listed before counts only until the upstream can be asked. */
  changed(upstream: Upstream, kinds: readonly Kind[], owner: Owner): Promise<void>
}

type Options = Pick<CatalogOptions, 'clock' | 'store' | 'onProblem'> & {
  /** What an upstream says while it lists. */
  heard(notification: Notification, behalf: Behalf, upstream: Upstream): void
}

export function createLists({ clock, store, onProblem, heard }: Options): Lists {
  const flights = new Map<string, { readonly stamp: number; readonly done: Promise<unknown> }>()
  const retry = createBreaker({ clock, faults: 1, patience: 60_000 })
  let lastStamp = 0

  /** Never the same twice, so that a list is before or after a change. */
  function stamp(): number {
    lastStamp = Math.max(clock.now(), lastStamp + 1)
    return lastStamp
  }

  /** On behalf of the one who asked first, for all who wait. */
  async function within<Result>(
    upstream: Upstream,
    behalf: Behalf,
    work: (behalf: Behalf) => Promise<Result>,
  ): Promise<Result> {
    const { name, isolation, timeouts } = upstream.settings
    const controller = new AbortController()
    const late = Promise.withResolvers<never>()
    const cancel = clock.after(timeouts.list, () => {
      const error = new UpstreamError(name, 'timeout', `${name} did not answer in ${timeouts.list / 1000} s`)
      controller.abort(error)
      late.reject(error)
    })
    const ours: Behalf = {
      ...behalf,
      progressToken: undefined,
      logLevel: undefined,
      signal: controller.signal,
      hear: (notification) => heard(notification, behalf, upstream),
      ask: isolation === 'shared' ? refuseQuestion : (question) => behalf.ask(question),
    }
    try {
      return await Promise.race([work(ours), late.promise])
    } finally {
      cancel()
    }
  }

  /** Once for all who want it. Resolves with undefined for what did not work. */
  function once<Result>(
    key: string,
    upstream: Upstream,
    work: (stamp: number) => Promise<Result>,
  ): Promise<Result | undefined> {
    const begun = stamp()
    const done = work(begun)
      .then(
        (result) => {
          retry.good(key)
          return result
        },
        (error: unknown) => {
          if (!(error instanceof UpstreamError && error.fault === 'busy')) retry.bad(key)
          onProblem({ kind: 'unlisted', upstream: upstream.settings.name, message: wordsOf(error) })
          return undefined
        },
      )
      .finally(() => flights.delete(key))
    flights.set(key, { stamp: begun, done })
    return done
  }

  async function describe(upstream: Upstream, behalf: Behalf): Promise<Description> {
    const description = await upstream.describe(behalf)
    const [own, usual] = [descriptionKey(upstream, behalf), usualDescriptionKey(upstream, behalf)]
    const now = clock.now()
    await store.put(usual, description, now + knownFor)
    if (own !== usual) await store.put(own, description, now + keptFor)
    return description
  }

  async function ask(upstream: Upstream, kind: Kind, behalf: Behalf, begun: number): Promise<Kept> {
    const at = clock.now()
    const listed = await within(upstream, behalf, async (ours) => {
      const { era, capabilities } = await describe(upstream, ours)
      const isNone = capabilities[listings[kind].capability] === undefined
      return isNone ? { era, items: [], ttlMs: 0, faulty: 0 } : listAll(upstream, kind, era, ours)
    })
    if (listed.faulty > 0) {
      const { name } = upstream.settings
      const message = `${name}: ${listed.faulty} of what ${listings[kind].method} lists has no "${listings[kind].by}" of its own, or is not as the specification has it`
      onProblem({ kind: 'faulty', upstream: name, message })
    }
    const kept: Kept = { ...listed, at, stamp: begun }
    await store.put(listKey(upstream, kind, behalf), kept, clock.now() + keptFor)
    return kept
  }

  return {
    async list(upstream, kind, behalf, age) {
      const key = listKey(upstream, kind, behalf)
      const [kept, changed]: [Kept | undefined, number | undefined] = await Promise.all([
        store.get(key),
        store.get(changeKey(upstream, kind, behalf.owner)),
      ])
      const since = changed ?? Number.NEGATIVE_INFINITY
      const isCurrent = kept !== undefined && kept.stamp > since
      if (isCurrent && clock.now() - kept.at < (age === 'hint' ? kept.ttlMs : age)) return kept
      let flight = flights.get(key)
      if (flight && flight.stamp <= since) {
        await flight.done
        flight = flights.get(key)
      }
      if (!flight && retry.wait(key) > 0) return kept
      const done = flight?.done ?? once(key, upstream, (begun) => ask(upstream, kind, behalf, begun))
      return ((await done) as Kept | undefined) ?? kept
    },
    last: (upstream, kind, behalf) => store.get(listKey(upstream, kind, behalf)),
    async description(upstream, behalf) {
      const key = descriptionKey(upstream, behalf)
      const known: Description | undefined = await store.get(key)
      if (known) return known
      const flight = flights.get(key)
      if (!flight && retry.wait(key) > 0) return undefined
      const work = () => within(upstream, behalf, (ours) => describe(upstream, ours))
      return (await (flight?.done ?? once(key, upstream, work))) as Description | undefined
    },
    lastDescription: async (upstream, behalf) =>
      (await store.get(descriptionKey(upstream, behalf))) ?? (await store.get(usualDescriptionKey(upstream, behalf))),
    async changed(upstream, kinds, owner) {
      const at = stamp()
      await Promise.all(kinds.map((kind) => store.put(changeKey(upstream, kind, owner), at, clock.now() + keptFor)))
    },
  }
}

/** What is shared by many is not for one of them to answer. */
async function refuseQuestion(): Promise<Members> {
  throw new RpcError(-32601, 'Nobody can be asked while a shared server is listed')
}

function wordsOf(error: unknown): string {
  return error instanceof UpstreamError || error instanceof RpcError ? error.message : 'failed to list'
}
