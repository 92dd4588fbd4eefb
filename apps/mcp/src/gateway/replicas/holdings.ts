// What this replica holds: connections that only one may have. Each use asks whether it is still so, and takes it if nobody
// else has it.
import type { ReplicaName, Replicas } from '@gatehouse/replicas'
import { StoreUnavailableError } from '@gatehouse/service'
import type { Clock } from '../catalog/contract.ts'

export interface Holdings {
  /** `here` if we hold `key`, else `there` with who does. `lost` is aborted when it is not ours any more. */
  with<T>(key: string, here: (lost: AbortSignal) => Promise<T>, there: (holder: ReplicaName) => Promise<T>): Promise<T>
  /** From now on all that is not in use is for others. Resolves when it is. */
  drain(): Promise<void>
  /** Nothing is open any more. */
  close(): Promise<void>
}

export interface HoldingsOptions {
  readonly replicas: Replicas
  readonly clock: Clock
  /** Whether there is something open for it, though nobody uses it now. */
  readonly isOpen: (key: string) => boolean
  /** Ends what is open and nobody uses. */
  readonly leaveUnused: () => Promise<void>
  /** All of it belongs to others now. */
  readonly onLost: () => void
  /** Of all in this process. */
  readonly instances: Map<string, Instance>
  readonly onerror: (error: Error) => void
}

/** Of a key in this process: how many hold it, and by which lease, the last that was given. */
export interface Instance {
  count: number
  fence: number
}

/** Milliseconds between rounds in which is released what nobody uses, and the rest renewed. */
const round = 60_000
const attempts = 3

export function createHoldings(options: HoldingsOptions): Holdings {
  const { replicas, clock, isOpen, leaveUnused, onLost, instances, onerror } = options
  const held = new Map<string, { users: number }>()
  /** Nobody claims what is being released: it could be released under their hands. */
  const releasing = new Map<string, Promise<unknown>>()
  let lost = new AbortController()
  let isDraining = false

  function loseAll(): void {
    for (const key of [...held.keys()]) give(key)
    const before = lost
    lost = new AbortController()
    before.abort()
    onLost()
  }
  const stopLosing = replicas.onLost(loseAll)

  function have(key: string, fence: number): void {
    const instance = instances.get(key) ?? { count: 0, fence }
    instance.fence = Math.max(instance.fence, fence)
    instances.set(key, instance)
    if (held.has(key)) return
    held.set(key, { users: 0 })
    instance.count += 1
  }

  /** The fence to release it by, if nobody else of this process has it. */
  function give(key: string): number | undefined {
    const instance = instances.get(key)
    if (!held.delete(key) || !instance) return undefined
    instance.count -= 1
    if (instance.count > 0) return undefined
    instances.delete(key)
    return instance.fence
  }

  function release(key: string): Promise<unknown> {
    const fence = give(key)
    if (fence === undefined) return Promise.resolve()
    const done = replicas
      .release(key, fence)
      .catch(onerror)
      .finally(() => releasing.delete(key))
    releasing.set(key, done)
    return done
  }

  /** What is open is closed before anybody else may have it. */
  async function settle(): Promise<void> {
    await leaveUnused()
    await Promise.all([...held].flatMap(([key, { users }]) => (users === 0 && !isOpen(key) ? [release(key)] : [])))
  }

  /** A lease that was lost without a word, as by a failover, is somebody else's by now, or will be. */
  async function renew(): Promise<void> {
    const gone = (await replicas.renew([...held.keys()])).filter((key) => held.has(key))
    if (gone.length > 0) loseAll()
  }

  let cancelRound = clock.after(round, goRound)
  function goRound(): void {
    const unused = [...held].flatMap(([key, { users }]) => (users === 0 && !isOpen(key) ? [key] : []))
    for (const key of unused) void release(key)
    renew().catch(onerror)
    cancelRound = clock.after(round, goRound)
  }

  /** Undefined: it is ours. */
  async function holderOf(key: string): Promise<ReplicaName | undefined> {
    if (held.has(key) && replicas.isSure()) return undefined
    await releasing.get(key)
    const { holder, fence } = await replicas.claim(key)
    if (holder !== replicas.self) return holder
    have(key, fence)
    return undefined
  }

  return {
    async with(key, here, there) {
      let holding: { users: number } | undefined
      // what was ours when the store answered may be lost by now
      for (let attempt = 0; attempt < attempts && !(holding && replicas.isSure()); attempt += 1) {
        const holder = await holderOf(key)
        if (holder !== undefined) return there(holder)
        holding = held.get(key)
      }
      if (!holding || !replicas.isSure()) throw new StoreUnavailableError()
      holding.users += 1
      try {
        return await here(lost.signal)
      } finally {
        holding.users -= 1
        if (isDraining && holding.users === 0) void settle()
      }
    },

    drain() {
      isDraining = true
      return settle()
    },

    async close() {
      isDraining = true
      cancelRound()
      stopLosing()
      await settle()
    },
  }
}
