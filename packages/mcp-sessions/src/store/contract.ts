// What the sessions of 2025-era clients ask of a store, whatever holds the data. A store is a leaf: it knows neither
// Fastify nor MCP, and what it keeps are bytes that it cannot read (../session-key.ts seals them under the
// session's id). The one way to prove a store is suites/store-suite.ts, which every implementation passes.
//
// A session has one log, in which the events of all its streams stand in one order. Times are milliseconds.

/** What a session is found by: a hash of its id. */
export type SessionKey = string

/** Where an event stands in its session's log: `digits-digits`. Comes from {@link SessionStore.append} alone. */
export type Position = string

/** Whether a text is shaped like a {@link Position}. Whether it ever was one is for {@link SessionStore.read} to say. */
export function isPosition(text: string): boolean {
  return /^\d{1,15}-\d{1,9}$/.test(text)
}

/** The stream that every session has, and that never ends. The names of the others are their writers' to choose. */
export const ownStream = 'own'

export interface SessionLimits {
  /** How long a session may lie unused. */
  readonly idle: number
  /** Sessions of one owner. */
  readonly perOwner: number
  /** Sessions in all, give or take those that are opened at the same moment. */
  readonly total: number
  /** For how long a session was not used that may make room for another one of its owner. */
  readonly evictable: number
  /** Events of one session. */
  readonly events: number
  /** Bytes of all events of one session. */
  readonly bytes: number
  /** Bytes of one event. A larger one leaves a gap. */
  readonly eventBytes: number
  /** How long an event is kept, give or take the time until the next one. */
  readonly eventLife: number
}

export interface StoredEvent {
  readonly position: Position
  readonly value: Uint8Array
}

export type StreamRead =
  /** The session ended, or never was. */
  | { readonly kind: 'gone' }
  /** There is no such stream or position in this session, or events after it were dropped. */
  | { readonly kind: 'lost' }
  | {
      readonly kind: 'events'
      /** In order. Empty values, which mark a place and say nothing, are left out. */
      readonly events: readonly StoredEvent[]
      /** Where to read on. */
      readonly cursor: Position
      /** Whether there may be more to read at once. */
      readonly more: boolean
      /**
       * - `open`: more may come
       * - `ended`: these were the last
       * - `abandoned`: it did not end, and the process that wrote it is gone
       */
      readonly state: 'open' | 'ended' | 'abandoned'
      /** Who claimed the stream last. */
      readonly reader: string | undefined
      /** What {@link SessionStore.start} was given. */
      readonly opening: Uint8Array | undefined
    }

export type Signal =
  /** There are events to read, or another reader. */
  { readonly kind: 'changed' } | { readonly kind: 'ended' } | { readonly kind: 'mail'; readonly value: Uint8Array }

export type Listener = (signal: Signal) => void

export interface SessionStore {
  /** Whether other processes, replicas of this one, have the same sessions. */
  readonly shared: boolean
  /**
   * Keeps a new session. `false`, and nothing is kept, if its owner or all owners together have as many as they may;
   * but the owner's session that was least recently used makes room if it was not used for `limits.evictable`.
   */
  open(session: SessionKey, owner: string, value: Uint8Array): Promise<boolean>
  /** The session's value; its idle time begins again. Undefined for one that ended, expired, or never was. */
  use(session: SessionKey): Promise<Uint8Array | undefined>
  /** Replaces the value of a session that is there. MUST NOT bring back one that is not. */
  replace(session: SessionKey, value: Uint8Array): Promise<void>
  /** The session and all its events are gone, and watchers are told. Idempotent. */
  end(session: SessionKey): Promise<void>

  /**
   * Begins a stream that this process writes. `opening` is kept as long as the stream is. `false`: there is no such
   * session.
   */
  start(session: SessionKey, stream: string, opening: Uint8Array): Promise<boolean>
  /**
   * Adds an event and tells watchers. After a `last` one the stream has ended: of any number of last events, on any
   * number of processes, exactly one MUST be kept. Undefined, and nothing is kept, if the stream has ended or there is no
   * such session. Oldest events go when `limits` are exceeded.
   */
  append(
    session: SessionKey,
    stream: string,
    value: Uint8Array,
    options?: { readonly last?: boolean },
  ): Promise<Position | undefined>
  /**
   * Makes `reader` the one reader of a stream, so that the one before can notice. With `mark` it also adds an empty event,
   * in one step: what stands before it was the other reader's. Returns where the log ends, undefined if there is no such
   * session.
   */
  claim(
    session: SessionKey,
    stream: string,
    reader: string,
    options?: { readonly mark?: boolean },
  ): Promise<Position | undefined>
  /**
   * The events of a stream after a position. MUST NOT leave out an event silently. `isEvent`: the position comes from
   * outside and MUST be one of an event of this very stream; otherwise it is a `cursor` of ours.
   */
  read(
    session: SessionKey,
    stream: string,
    after: Position,
    options?: { readonly isEvent?: boolean },
  ): Promise<StreamRead>

  /**
   * Tells a listener what happens to a session, on whatever process, from when this resolves; what happens while a
   * connection is broken is not told, so listeners also look from time to time. Returns how to stop, idempotent.
   */
  watch(session: SessionKey, listener: Listener): Promise<() => void>
  /** Tells all watchers of a session. Nothing is kept: who does not watch now misses it. */
  mail(session: SessionKey, value: Uint8Array): Promise<void>

  /** Resolves if the store answers; throws {@link StoreUnavailableError} if it does not. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** Milliseconds since the epoch. */
export type Clock = () => number
