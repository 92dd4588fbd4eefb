// Connections to one upstream by owner: opened once for all who ask at the same time, closed when unused or old, so many at
// once. What a connection is, and who may share one, is the caller's affair: the key says it.
import type { Clock } from '../catalog/contract.ts'
import { createRecent } from '../recent.ts'
import { type Backoff, createBackoff } from './backoff.ts'
import { type CredentialTrouble, RpcError, UpstreamError } from './contract.ts'
import { createShares } from './shares.ts'
import { createSlots } from './slots.ts'

export interface Pooled {
  /** May be called more than once. Resolves when nothing of it is left. */
  close(): Promise<void>
  /** Closes it and leaves what somebody else goes on with. By default as {@link Pooled.close}. */
  leave?(): Promise<void>
  /** Called by the connection when it has ended by itself. The pool sets it, and calls what was there before. */
  onclose?: (() => void) | undefined
}

export interface PoolOptions<C> {
  /** Names the upstream in errors. */
  readonly name: string
  readonly open: (key: string) => Promise<C>
  /** Connections at once, those that are being closed included. */
  readonly max: number
  /** Of one caller. By default all. */
  readonly mostEach?: number
  /** Milliseconds without a request after which a connection is closed. */
  readonly idle: number
  /** Milliseconds in all after which a connection is lent no more, and closed once no request is under way. */
  readonly lifetime: number
  readonly clock: Clock
  /** Hears what went wrong at closing. */
  readonly onerror: (error: Error) => void
}

export interface Pool<C> {
  /**
   * Runs `work` with the connection of `key`, which is kept open meanwhile. Rejects with an {@link UpstreamError} `busy` when
   * all that may be open are in use, `unreachable` while a failure is too recent, what `open` and `work` reject with otherwise.
   *
   * Does NOT end `work` when its connection ends: that is the connection's to do.
   *
   * `caller`: whose it counts as. A quarter of what may be open is kept for callers who have little. `signal`: who asks does
   * not wait any more for a connection that is being opened.
   */
  use<T>(key: string, work: (connection: C) => Promise<T>, caller?: string, signal?: AbortSignal): Promise<T>
  /**
   * The next who asks gets another at once: its session was lost, and that is no failure. It is closed when nobody uses it any
   * more.
   */
  forget(connection: C): Promise<void>
  /** Whether it is open, or being opened. */
  has(key: string): boolean
  /** Leaves all that is open, or what of it nobody uses; what is asked for from now on is opened again. */
  reset(which: 'all' | 'unused'): Promise<void>
  /** Those that are open, being opened, or old and still in use. */
  readonly size: number
  /** Ends all, what is being opened included. */
  close(): Promise<void>
}

interface Entry<C> {
  readonly key: string
  readonly opening: Promise<C>
  connection: C | undefined
  users: number
  openedAt: number
  usedAt: number
  cancelTimer: () => void
  cancelLife: () => void
  readonly caller: string
  readonly giveShare: () => void
}

/** Keys whose failures are remembered. */
const mostFailures = 10_000

/** Beyond this a timer of Node's runs at once. */
const longestTimer = 2 ** 31 - 1

export function createPool<C extends Pooled>(options: PoolOptions<C>): Pool<C> {
  const { name, open, max, mostEach = max, idle, lifetime, clock, onerror } = options
  const entries = new Map<string, Entry<C>>()
  /** Too old to be lent, and still in use. */
  const old = new Set<Entry<C>>()
  const endings = new Set<Promise<void>>()
  const slots = createSlots(max)
  const shares = createShares(max, mostEach)
  const backoff = createBackoff(clock.now)
  /** For what fails one owner alone: what an upstream answers may come of what the owner says of itself. */
  const backoffs = createRecent<Backoff>(mostFailures)
  /** Of the last failure: it is the same for all. */
  let about: CredentialTrouble | undefined
  let isClosed = false

  function entryFor(key: string, caller: string): Entry<C> {
    if (isClosed) throw shutDown()
    const known = entries.get(key)
    if (known) return known
    const wait = Math.max(backoff.remaining(), backoffs.get(key)?.remaining() ?? 0)
    if (wait > 0) {
      const retryAfter = Math.ceil(wait / 1_000)
      throw new UpstreamError(name, 'unreachable', `${name} is unavailable, try again in ${retryAfter} s`, {
        retryAfter,
        about,
      })
    }
    const giveShare = shares.take(caller) ?? takeOf(caller)
    const now = clock.now()
    const entry: Entry<C> = {
      key,
      opening: Promise.resolve().then(() => openFor(entry)),
      connection: undefined,
      users: 0,
      openedAt: now,
      usedAt: now,
      cancelTimer: () => undefined,
      cancelLife: () => undefined,
      caller,
      giveShare,
    }
    entries.set(key, entry)
    return entry
  }

  const shutDown = () => new UpstreamError(name, 'unreachable', `${name} is being shut down`)

  /** Of what nobody has used for the longest time. */
  function takeOf(caller: string): () => void {
    const unused = [...entries.values()].filter(({ users, connection }) => users === 0 && connection)
    const longest = unused.toSorted((a, b) => a.usedAt - b.usedAt)
    // their own first, and nobody's in vain
    const given = longest.find((one) => one.caller === caller) ?? longest.find((one) => shares.fits(caller, one.caller))
    if (given && shares.fits(caller, given.caller)) void end(given)
    const giveShare = shares.take(caller)
    if (giveShare) return giveShare
    const message = `${name} has as many connections in use as it may have (${max}), try again later`
    throw new UpstreamError(name, 'busy', message, { retryAfter: 1 })
  }

  async function openFor(entry: Entry<C>): Promise<C> {
    await slots.take()
    if (!isKept(entry)) {
      slots.give()
      throw shutDown()
    }
    try {
      const connection = await open(entry.key)
      entry.connection = connection
      entry.openedAt = clock.now()
      entry.cancelLife = clock.after(Math.min(lifetime, longestTimer), () => grewOld(entry))
      const before = connection.onclose
      connection.onclose = () => {
        if (isKept(entry)) {
          backoffOf(entry.key).failed()
          void end(entry)
        }
        before?.call(connection)
      }
      backoff.succeeded()
      about = undefined
      return connection
    } catch (error) {
      slots.give()
      remove(entry)
      count(error, entry.key)
      throw error
    }
  }

  function count(error: unknown, key: string): void {
    const fault = error instanceof UpstreamError ? error.fault : undefined
    about = error instanceof UpstreamError ? error.about : undefined
    if (fault === 'busy') return
    const isSilent = fault === 'unreachable' && !(error as UpstreamError).hasAnswered
    const isAnswer = error instanceof RpcError || (fault !== undefined && !isSilent)
    const counted = isAnswer ? backoffOf(key) : backoff
    counted.failed()
  }

  function backoffOf(key: string): Backoff {
    const last = backoffs.get(key)
    const known = last && !last.isOver() ? last : createBackoff(clock.now)
    backoffs.set(key, known)
    return known
  }

  const isKept = (entry: Entry<C>) => entries.get(entry.key) === entry || old.has(entry)

  /** Returns whether it was there. */
  function remove(entry: Entry<C>): boolean {
    const isThere = entries.get(entry.key) === entry ? entries.delete(entry.key) : old.delete(entry)
    if (isThere) entry.giveShare()
    return isThere
  }

  /** Its slot is free only when nothing of it is left. */
  function end(entry: Entry<C>, leaves = false): Promise<void> {
    if (!remove(entry)) return Promise.resolve()
    entry.cancelTimer()
    entry.cancelLife()
    const { connection } = entry
    // what is still being opened is closed once it is; where that fails, there is nothing to close
    const shut = (one: C) => (leaves && one.leave ? one.leave() : one.close()).catch(onerror).finally(slots.give)
    const closing = connection ? shut(connection) : entry.opening.then(shut, () => undefined)
    const ending = closing.finally(() => endings.delete(ending))
    endings.add(ending)
    return ending
  }

  function release(entry: Entry<C>): void {
    entry.users -= 1
    entry.usedAt = clock.now()
    if (entry.users > 0 || !entry.connection) return
    if (old.has(entry)) void end(entry)
    else endWhenIdle(entry)
  }

  function endWhenIdle(entry: Entry<C>): void {
    if (entries.get(entry.key) !== entry) return
    const rest = entry.usedAt + idle - clock.now()
    if (rest <= 0) void end(entry)
    else entry.cancelTimer = clock.after(Math.min(rest, longestTimer), () => endWhenIdle(entry))
  }

  function grewOld(entry: Entry<C>): void {
    if (!isKept(entry)) return
    const rest = entry.openedAt + lifetime - clock.now()
    if (rest > 0) entry.cancelLife = clock.after(Math.min(rest, longestTimer), () => grewOld(entry))
    else retire(entry)
  }

  function retire(entry: Entry<C>): void {
    if (entries.get(entry.key) === entry) entries.delete(entry.key)
    old.add(entry)
    if (entry.users === 0) void end(entry)
  }

  return {
    async use(key, work, caller = key, signal) {
      const entry = entryFor(key, caller)
      entry.users += 1
      entry.cancelTimer()
      try {
        if (signal?.aborted) throw cancelled(name)
        const result = await work(entry.connection ?? (await untilAborted(name, entry.opening, signal)))
        backoffs.delete(key)
        return result
      } finally {
        release(entry)
      }
    },

    async forget(connection) {
      for (const entry of entries.values()) if (entry.connection === connection) retire(entry)
    },

    get size() {
      return entries.size + old.size
    },

    has: (key) => entries.has(key),

    async reset(which) {
      const all = [...entries.values(), ...old].filter(({ users }) => which === 'all' || users === 0)
      await Promise.all(all.map((entry) => end(entry, true)))
    },

    async close() {
      isClosed = true
      for (const entry of [...entries.values(), ...old]) void end(entry)
      await Promise.all(endings)
    },
  }
}

function cancelled(name: string): UpstreamError {
  return new UpstreamError(name, 'timeout', 'The call was cancelled')
}

async function untilAborted<T>(name: string, work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  const { promise, reject } = Promise.withResolvers<never>()
  const leave = (): void => reject(cancelled(name))
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', leave)
    promise.catch(() => undefined)
  }
}
