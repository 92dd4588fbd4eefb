// Our name, and for how long it is certain that others believe we are there. Who cannot say so in time gives up the name, and
// all that is held under it, before others may take it over.
import { randomUUID } from 'node:crypto'
import { StoreUnavailableError } from '@gatehouse/service'
import type { ReplicaName, Replicas } from './contract.ts'

/** Two clocks, in milliseconds, of which each may stand still while a process or a machine sleeps. */
export interface TwoClocks {
  ticks(): number
  time(): number
}

export interface HeartbeatOptions {
  /** Milliseconds without a word after which others take it that we are gone. */
  readonly life: number
  /** Says that a new name is there, for `life`. */
  announce(name: ReplicaName): Promise<void>
  /** The same of one that was. False: it had been forgotten. */
  renew(name: ReplicaName): Promise<boolean>
  /** Others know this name from now on. */
  onName(name: ReplicaName): void
  readonly clocks?: TwoClocks
}

export interface Heartbeat extends Pick<Replicas, 'self' | 'isSure' | 'onLost'> {
  /** Our name, which others know. Throws {@link StoreUnavailableError} where they cannot be told of one. */
  requireName(): Promise<ReplicaName>
  /** The store says that it does not know us. */
  doubt(): Promise<void>
  /** Resolves when nothing is said any more. */
  stop(): Promise<void>
}

/** How much earlier than others we know it: a tenth of the life. */
const margin = 0.1

const systemClocks: TwoClocks = { ticks: () => performance.now(), time: () => Date.now() }

export function createHeartbeat({ life, announce, renew, onName, clocks = systemClocks }: HeartbeatOptions): Heartbeat {
  const lost = new Set<() => void>()
  const sureFor = life * (1 - margin)
  let self: ReplicaName = randomUUID()
  /** When it was said last, as far as the store has answered: when it was begun to be said. Undefined: nobody knows the name. */
  let said: { readonly ticks: number; readonly time: number } | undefined
  let beating: Promise<void> | undefined
  let deadline: NodeJS.Timeout | undefined
  let isStopped = false

  const instant = () => ({ ticks: clocks.ticks(), time: clocks.time() })
  const silentFor = (since: { ticks: number; time: number }) =>
    Math.max(clocks.ticks() - since.ticks, clocks.time() - since.time)

  function loseAll(): void {
    clearTimeout(deadline)
    self = randomUUID()
    said = undefined
    for (const tell of lost) tell()
  }

  function isSure(): boolean {
    if (said && silentFor(said) >= sureFor) loseAll()
    return said !== undefined
  }

  function wasSaid(at: { ticks: number; time: number }): void {
    said = at
    clearTimeout(deadline)
    // its own timer, since the store may be away
    deadline = setTimeout(isSure, Math.max(0, sureFor - silentFor(at))).unref()
  }

  async function beatOnce(): Promise<void> {
    const begun = instant()
    const name = self
    if (isSure() && name === self) {
      const isKnown = await renew(name)
      if (name === self && isKnown) return wasSaid(begun)
      if (name === self) loseAll()
    }
    await introduce()
  }

  async function introduce(): Promise<void> {
    const begun = instant()
    const name = self
    try {
      await announce(name)
    } catch (error) {
      // it may have been known for a while, and be forgotten by now: a name that was gone never comes back
      if (name === self) self = randomUUID()
      throw error
    }
    if (isStopped || name !== self) return
    wasSaid(begun)
    if (isSure()) onName(name)
  }

  /** All who wait for it share one. */
  function beat(): Promise<void> {
    beating ??= beatOnce().finally(() => {
      beating = undefined
    })
    return beating
  }

  const rhythm = setInterval(() => void beat().catch(() => undefined), life / 4).unref()

  return {
    get self() {
      return self
    },

    isSure,

    onLost(tell) {
      lost.add(tell)
      return () => void lost.delete(tell)
    },

    async requireName() {
      if (!isStopped && !isSure()) await beat()
      if (isStopped || !isSure()) throw new StoreUnavailableError(new Error('nobody knows this replica'))
      return self
    },

    doubt: beat,

    async stop() {
      isStopped = true
      clearInterval(rhythm)
      clearTimeout(deadline)
      await beating?.catch(() => undefined)
    },
  }
}
