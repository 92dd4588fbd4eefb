// Who wants to hear that a list changed, and what upstreams say of it. One listener an upstream and owner, however many watch.
import { digest } from '../digest.ts'
import { createJoined } from '../joined.ts'
import type { Behalf, Era, Notification, Owner, Upstream } from '../upstreams/contract.ts'
import type { Catalog, CatalogOptions, Kind } from './contract.ts'
import { changeKey, descriptionKey } from './keys.ts'
import type { Kept, Lists } from './lists.ts'

type Watched = 'tools' | 'prompts' | 'resources'

const kindsOf: Readonly<Record<Watched, readonly Kind[]>> = {
  tools: ['tools'],
  prompts: ['prompts'],
  resources: ['resources', 'resourceTemplates'],
}
const watched: readonly Watched[] = ['tools', 'prompts', 'resources']

/** Milliseconds: a burst of words is one, and a flood is one a second. */
const burst = 50
const pause = 1_000
/** Milliseconds: how often it is looked whether an upstream is gone or back, and how old its lists may be then. */
const round = 60_000
const oldest = 300_000

export type Watches = Pick<Catalog, 'heard' | 'watch'>

export function createWatches({ upstreams, clock, onProblem }: CatalogOptions, lists: Lists): Watches {
  const listeners = new Map<string, { watchers: number; stop(): void }>()
  const told = new Map<string, Set<(kind: Watched) => void>>()
  const digests = new WeakMap<Kept, string>()
  const join = createJoined()

  function heard({ method }: Notification, { owner }: Behalf, upstream: Upstream): void {
    const kind = watched.find((one) => method === `notifications/${one}/list_changed`)
    if (!kind) return
    // an upstream may say it faster than the store writes it down
    join(changeKey(upstream, kind, owner), () => background(upstream.settings.name, mark(kind, owner, upstream)))
  }

  async function mark(kind: Watched, owner: Owner, upstream: Upstream): Promise<void> {
    await lists.changed(upstream, kindsOf[kind], owner)
    for (const tell of told.get(changeKey(upstream, 'tools', owner)) ?? []) tell(kind)
  }

  /** What fails is said, and asked for by its age. */
  function background(upstream: string, work: Promise<unknown>): Promise<unknown> {
    return work.catch(() =>
      onProblem({ kind: 'unlisted', upstream, message: `${upstream}: what is kept of its lists is out of reach` }),
    )
  }

  /** The same upstream, owner and abilities: one listener, which outlives the request of the first that wanted it. */
  function listen(upstream: Upstream, behalf: Behalf): () => void {
    const key = descriptionKey(upstream, behalf)
    const known = listeners.get(key)
    const listener = known ?? { watchers: 0, stop: start(upstream, behalf) }
    listeners.set(key, listener)
    listener.watchers++
    return () => {
      if (--listener.watchers > 0) return
      listeners.delete(key)
      listener.stop()
    }
  }

  function start(upstream: Upstream, behalf: Behalf): () => void {
    const controller = new AbortController()
    const ours = { ...behalf, signal: controller.signal }
    const stop = upstream.listen(ours, [], (notification) => heard(notification, ours, upstream))
    return () => {
      controller.abort()
      stop()
    }
  }

  function tellOf(upstream: Upstream, { owner }: Behalf, tell: (kind: Watched) => void): () => void {
    const key = changeKey(upstream, 'tools', owner)
    const all = told.get(key) ?? new Set()
    told.set(key, all.add(tell))
    return () => {
      all.delete(tell)
      if (all.size === 0) told.delete(key)
    }
  }

  function digestOf(kept: Kept | undefined, era: Era): string {
    if (!kept) return ''
    const known = digests.get(kept) ?? digest(kept.items)
    digests.set(kept, known)
    return `${kept.era === era} ${known}` // tasks are shown within an era only
  }

  return {
    heard,
    watch(behalf, era, changed) {
      const seen = new Map<Watched, string>()
      const planned = new Map<Watched, () => void>()
      const lastLook = new Map<Watched, number>()
      let isOver = false
      let work: Promise<unknown> = Promise.resolve()

      async function look(kind: Watched, get: (upstream: Upstream, of: Kind) => Promise<Kept | undefined>) {
        const each = upstreams.flatMap((upstream) => kindsOf[kind].map((of) => get(upstream, of)))
        return (await Promise.all(each)).map((kept) => digestOf(kept, era)).join()
      }

      function check(kind: Watched, age: number): void {
        const checked = work.then(async () => {
          if (isOver) return
          lastLook.set(kind, clock.now())
          const now = await look(kind, (upstream, of) => lists.list(upstream, of, behalf, age))
          const before = seen.get(kind)
          seen.set(kind, now)
          if (now !== before && !isOver) changed(kind)
        })
        work = checked.catch(() => undefined)
        void background(upstreams[0]?.settings.name ?? '', checked)
      }

      function soon(kind: Watched): void {
        if (planned.has(kind) || isOver) return
        const wait = Math.max(burst, (lastLook.get(kind) ?? Number.NEGATIVE_INFINITY) + pause - clock.now())
        const cancel = clock.after(wait, () => {
          planned.delete(kind)
          check(kind, Number.POSITIVE_INFINITY)
        })
        planned.set(kind, cancel)
      }

      let cancelRound = clock.after(round, goRound)
      function goRound(): void {
        for (const kind of watched) check(kind, oldest)
        cancelRound = clock.after(round, goRound)
      }

      for (const kind of watched) {
        const known = look(kind, (upstream, of) => lists.last(upstream, of, behalf)).then((now) => seen.set(kind, now))
        const before = work
        work = known.then(() => before).catch(() => undefined)
      }
      const stops = upstreams.flatMap((upstream) => [tellOf(upstream, behalf, soon), listen(upstream, behalf)])
      return () => {
        if (isOver) return
        isOver = true
        cancelRound()
        for (const cancel of planned.values()) cancel()
        for (const stop of stops) stop()
      }
    },
  }
}
