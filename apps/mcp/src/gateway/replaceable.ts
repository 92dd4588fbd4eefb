// An upstream that is replaced while it is used. What is under way at the old one ends there; what comes goes to the new one,
// and who listens is told that all may be different.
import type { Clock } from './catalog/contract.ts'
import type { Behalf, Notification, Upstream } from './upstreams/contract.ts'

export interface Replaceable extends Upstream {
  /** The old one is closed when nothing is under way there, after its time for a call at the latest. */
  replace(next: Upstream): void
  /** As {@link Replaceable.replace}, for one that nothing takes the place of: who listens hears no more. Resolves when it is closed. */
  retire(): Promise<void>
}

export interface ReplaceableOptions {
  readonly clock: Clock
  /** Hears what went wrong at closing. */
  readonly onerror: (error: Error) => void
}

interface Running {
  readonly upstream: Upstream
  underWay: number
  isEnding: boolean
  cancel: () => void
  readonly closed: PromiseWithResolvers<void>
}

interface Hearer {
  readonly behalf: Behalf
  readonly resources: readonly string[]
  readonly hear: (notification: Notification) => void
  stop: () => void
}

function running(upstream: Upstream): Running {
  return { upstream, underWay: 0, isEnding: false, cancel: () => undefined, closed: Promise.withResolvers() }
}

export function createReplaceable(first: Upstream, { clock, onerror }: ReplaceableOptions): Replaceable {
  let current = running(first)
  const old = new Set<Running>()
  const hearers = new Set<Hearer>()

  async function use<Result>(work: (upstream: Upstream) => Promise<Result>): Promise<Result> {
    const one = current
    one.underWay += 1
    try {
      return await work(one.upstream)
    } finally {
      one.underWay -= 1
      if (one.underWay === 0) end(one)
    }
  }

  function drain(one: Running): void {
    old.add(one)
    if (one.underWay === 0) end(one)
    else one.cancel = clock.after(one.upstream.settings.timeouts.call, () => end(one))
  }

  /** Only of an old one, and once. */
  function end(one: Running): void {
    if (!old.has(one) || one.isEnding) return
    one.isEnding = true
    one.cancel()
    const { upstream, closed } = one
    closed.resolve(
      upstream
        .close()
        .catch(onerror)
        .finally(() => old.delete(one)),
    )
  }

  /** It hears at the new one before it is deaf at the old one. */
  function move(hearer: Hearer, { upstream }: Running): void {
    const { behalf, resources, hear, stop } = hearer
    hearer.stop = upstream.listen(behalf, resources, hear)
    stop()
    for (const kind of ['tools', 'prompts', 'resources']) hear({ method: `notifications/${kind}/list_changed` })
  }

  return {
    get settings() {
      return current.upstream.settings
    },
    get open() {
      return [current, ...old].reduce((sum, { upstream }) => sum + upstream.open, 0)
    },
    describe: (behalf) => use((upstream) => upstream.describe(behalf)),
    request: (request, behalf) => use((upstream) => upstream.request(request, behalf)),
    notify: (notification, behalf) => use((upstream) => upstream.notify(notification, behalf)),
    listen(behalf, resources, hear) {
      const hearer = { behalf, resources, hear, stop: current.upstream.listen(behalf, resources, hear) }
      hearers.add(hearer)
      return () => {
        hearers.delete(hearer)
        hearer.stop()
      }
    },
    replace(next) {
      const before = current
      current = running(next)
      for (const hearer of [...hearers]) move(hearer, current)
      drain(before)
    },
    retire() {
      for (const { stop } of hearers) stop()
      hearers.clear()
      drain(current)
      return current.closed.promise
    },
    async close() {
      const all = new Set([current, ...old])
      for (const one of all) {
        old.add(one)
        end(one)
      }
      await Promise.all([...all].map(({ closed }) => closed.promise))
    },
  }
}
