// What the replicas of a service are to one another: which of them holds what only one may have, mail between them, and
// values and counts that all see. It knows nothing of what is held or said; what it keeps are bytes that their writers sealed. The one
// way to prove an implementation is suites/replicas-suite.ts. Times are milliseconds.
import { GatehouseError } from '@gatehouse/service'

/** What a replica calls itself. It has another name after it lost what it held. */
export type ReplicaName = string

export interface Lease {
  readonly holder: ReplicaName
  /** Grows with every lease that is given, no matter who gets it, also to one who has it already. */
  readonly fence: number
}

export interface Mail {
  readonly from: ReplicaName
  readonly value: Uint8Array
  /** For how long it lay, by the clock of the store. */
  readonly age: number
}

/** There is no replica of that name (any more). */
export class ReplicaGoneError extends GatehouseError {
  constructor() {
    super('replica_gone', 'This replica is gone.')
  }
}

/** A replica does not read what it is sent as fast as that comes. Nothing was kept. */
export class ReplicaBusyError extends GatehouseError {
  constructor() {
    super('replica_busy', 'This replica has more mail than it may have.')
  }
}

/** Each throws {@link StoreUnavailableError} where the store is away. */
export interface Replicas {
  readonly self: ReplicaName
  /**
   * Whether what is held under our name is ours, for certain. It is asked before each use: a process that was stopped for
   * a while, or cut off, may find that others hold what it held. Then `onLost` was called, or is now. Also unasked it is
   * called before others can take over, if the process runs.
   */
  isSure(): boolean
  /** Who holds `key`: from now on we do, if nobody does who is alive. Two replicas MUST NOT both hold one. */
  claim(key: string): Promise<Lease>
  /** Those that we hold stay ours for another {@link leaseLife}. Resolves with those that are not ours any more. */
  renew(keys: readonly string[]): Promise<readonly string[]>
  /**
   * Ours no more, if it still is by this fence. Idempotent. After an error it may happen later: a lease that we are given
   * meanwhile has another fence, and stays.
   */
  release(key: string, fence: number): Promise<void>
  /** Nothing of ours is ours any more, and our name is another one. Returns how to stop. */
  onLost(listener: () => void): () => void

  /** May be wrong for as long as a replica may be silent: ten seconds. */
  isAlive(replica: ReplicaName): Promise<boolean>
  /**
   * Kept until it is read, once, in the order in which it was sent. It goes on for `patience` milliseconds, by default for as
   * long as we have our name, where the store is away or the other one does not read. Throws {@link ReplicaGoneError},
   * and {@link ReplicaBusyError}, after which nothing was kept. After any other error it may have been.
   */
  send(to: ReplicaName, value: Uint8Array, patience?: number): Promise<void>
  /** There is one who reads. */
  onMail(listener: (mail: Mail) => void): void

  /**
   * Resolves with the answer that was given first. It is forgotten after `life`. The same answer given again resolves as
   * the first time did. After an error ours may have been the first.
   */
  decide(question: string, answer: string, life: number): Promise<string>
  /** For a question that nobody asks any more. */
  forget(question: string): Promise<void>

  /** Undefined after its end. */
  get(key: string): Promise<Uint8Array | undefined>
  /** `life` from now on. MAY be left undone where there is no room. */
  put(key: string, value: Uint8Array, life: number): Promise<void>
  remove(key: string): Promise<void>

  /**
   * Takes one out of `limit` in a window of so many milliseconds, which begins with the first one and is the same for all. MUST
   * be atomic. `retryAfter` is how long it is until the window ends, and never 0. Another limit for the same key counts at once.
   * MAY throw {@link StoreUnavailableError} also where there is no room.
   */
  take(key: string, limit: number, window: number): Promise<{ readonly allowed: boolean; readonly retryAfter: number }>
  /** Gives one back, as for what was not done after all. Never below zero. */
  giveBack(key: string): Promise<void>

  /** Leases are released, and nobody sends us mail any more. */
  close(): Promise<void>
}

/** For how long a lease counts that is not renewed while its holder lives. */
export const leaseLife = 3_600_000
/** Bytes of one mail. */
export const largestMail = 512 * 1024
/** Bytes of mail that one replica has not read. */
export const mostMail = 16 * 1024 * 1024
