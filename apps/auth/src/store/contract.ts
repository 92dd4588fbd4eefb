// What the authorization server asks of a store, whatever holds the data. A store is a leaf: it knows neither Fastify
// nor oidc-provider. The one way to prove a store is suites/store-suite.ts, which every implementation passes.
//
// Times are milliseconds.

/** The kinds of record that oidc-provider keeps. The name is part of a record's key and of what its value is bound to. */
export type Model =
  | 'Session'
  | 'Interaction'
  | 'Grant'
  | 'AuthorizationCode'
  | 'DeviceCode'
  | 'RefreshToken'
  | 'Client'
  | 'ReplayDetection'
  | (string & {})

/** JSON, as oidc-provider hands it over. Opaque to a store but for the indexes named in {@link RecordIndexes}. */
export type Payload = Readonly<Record<string, unknown>>

export interface StoredRecord {
  readonly payload: Payload
  /**
   * When {@link RecordStore.consume} succeeded, by the clock of this process, whatever the store's own says: it can be
   * compared with now. Absent while it has not.
   */
  readonly consumedAt?: number
}

export interface LastingRecord extends StoredRecord {
  /** Infinity for one that lives for ever. */
  readonly lastsFor: number
}

/** A record of model `Grant`, whose payload names the person as `accountId`. */
export interface StoredGrant extends StoredRecord {
  /** When it, or a record of it, was last put with the person's `accountId`, by the clock of this process. */
  readonly usedAt: number
}

/** What a record can also be found by. Each is stored as a hash, the account and the user code as a keyed one. */
export interface RecordIndexes {
  readonly uid?: string
  readonly grantId?: string
  /** Whose grant this write belongs to: a record of model `Grant` itself, or the one that `grantId` names. */
  readonly accountId?: string
}

/**
 * - `pending`: nobody who is signed in entered the user code yet
 * - `in_flight`: `owner` entered it, is signed in and is looking at the request
 * - `decided`: approved or denied
 */
export type DeviceCodePhase = 'pending' | 'in_flight' | 'decided'

export interface DeviceCodeWrite {
  /** Normalised: upper case, without dashes. */
  readonly userCode: string
  readonly phase: DeviceCodePhase
  /** Who put it in flight: the browser session. Required for every phase but `pending`. */
  readonly owner?: string
  readonly grantId?: string
}

/** Which part of a listing is asked for. */
export interface PageRequest {
  /** `next` of the page before; absent at the beginning. */
  readonly after?: string | undefined
  /** About how many entries a page has at most, 1 to 1000. */
  readonly size: number
}

/**
 * A part of a listing. A page may be empty while there is a next one. Anyone who follows `next` to the end MUST meet whatever was
 * there all the time at least once, whatever is written meanwhile. The rest may be met or not, and something may be met twice.
 */
export interface Page<T> {
  readonly entries: readonly T[]
  /** Absent: that was all. Nothing in it can be read but hashes and numbers. */
  readonly next?: string
}

export interface RecordStore {
  /**
   * Creates or replaces a record. It MUST be readable until `expiresIn` from now and then, in order that an expired
   * code can be told from an unknown one, for a further 120 s; never after that.
   * A record that was consumed MUST stay consumed. `expiresIn` of undefined keeps it for ever. Not for device codes:
   * see {@link DeviceCodeStore}.
   */
  put(model: Model, id: string, payload: Payload, expiresIn: number | undefined, indexes?: RecordIndexes): Promise<void>
  /**
   * Like {@link put}, unless a record is there that has not expired: then it is left as it is. Returns whether it was
   * stored. Of any number of callers, on any number of processes, exactly one MUST be told so.
   */
  create(model: Model, id: string, payload: Payload, expiresIn: number): Promise<boolean>
  /**
   * Another payload for a record that is there and has not expired; its life and whatever leads to it stay. Returns whether it is
   * there. MUST NOT bring back one that was destroyed. MUST be atomic.
   */
  replace(model: Model, id: string, payload: Payload): Promise<boolean>
  /**
   * A record that would expire within `atLeast` lives for `expiresIn` from now. Returns whether it is there and has not expired. MUST NOT
   * bring back one that was destroyed. MUST be atomic. Writes nothing where nothing changes.
   */
  keep(model: Model, id: string, atLeast: number, expiresIn: number): Promise<boolean>
  find(model: Model, id: string): Promise<StoredRecord | undefined>
  /** As {@link find}, with how long it is until the record expires, in milliseconds; 0 or less for one that has. */
  findLasting(model: Model, id: string): Promise<LastingRecord | undefined>
  findByUid(model: Model, uid: string): Promise<StoredRecord | undefined>
  /**
   * The grants of a person, in no order: every one that can be read and of which a record was put with this `accountId`,
   * also where that put broke off after the grant was written. MUST NOT return one whose payload names somebody else.
   */
  grantsOf(accountId: string): Promise<readonly StoredGrant[]>
  /**
   * What {@link find} would find of a model, of all ids, in no order that means anything. Costs time on a large store: for operators
   * and what runs in the background. Throws {@link CursorError} for an `after` that is not good, or not any more.
   */
  list(model: Model, page: PageRequest): Promise<Page<StoredRecord>>
  /**
   * Marks a record as used. Of any number of callers, on any number of processes, exactly one MUST succeed; all others
   * get {@link AlreadyConsumedError}, as does everyone for a record that is not there or has expired.
   * It MUST NOT bring back a record that was destroyed.
   */
  consume(model: Model, id: string): Promise<void>
  /** Idempotent. Index entries that point to the record go with it or become dead. */
  destroy(model: Model, id: string): Promise<void>
  /** Destroys every record of the grant, of whatever model. Idempotent. */
  revokeByGrant(grantId: string): Promise<void>
  /**
   * Destroys every record whose model is not among `kept`, device codes included. Documents stay. For an operator, while no
   * service runs: what is written meanwhile may stay. Returns how many there were. Throws {@link CursorError} if the store
   * was changed for another under it; then what is left may be destroyed by another call.
   */
  clear(kept: readonly Model[]): Promise<number>
}

/** RFC 8628 device codes: records of model `DeviceCode` whose changes are compare-and-set. */
export interface DeviceCodeStore {
  /**
   * Throws {@link UserCodeTakenError} if a device code that has not expired has this user code, and
   * {@link DeviceCodeStateError} if there is one of this id. MUST be atomic. Readable for 300 s past expiry.
   */
  create(id: string, payload: Payload, expiresIn: number, write: DeviceCodeWrite): Promise<void>
  /**
   * Replaces the payload if the phase may follow: pending → in_flight → decided, and in_flight → in_flight for the same
   * owner, who may start again until it is decided. pending → decided is for the engine's own refusals.
   * Everything else, a consumed, an expired and an absent code included, throws {@link DeviceCodeStateError}. MUST be atomic.
   * Keeps the lifetime that create() gave.
   */
  update(id: string, payload: Payload, write: DeviceCodeWrite): Promise<void>
  findByUserCode(
    userCode: string,
  ): Promise<(StoredRecord & { readonly phase: DeviceCodePhase; readonly owner?: string }) | undefined>
  /**
   * Notes a poll of the token endpoint and says whether it came too `early` (RFC 8628 §3.5 `slow_down`), or else whether
   * the code is decided. The first poll never is early. Polls are `interval` apart, from the end of the answer before. Each
   * early one adds 5 s for good to what they are apart from the beginning of the poll before: there are clients whose clock
   * goes on while a request is under way. Up to half a second is forgiven. MUST be atomic.
   *
   * `hold` is for how long the answer may take, 30 s at most: until then or {@link endPoll} every other poll is early.
   * What is noted may be lost in a crash. A code that is not there is `undecided`, and stays away.
   */
  poll(id: string, interval: number, hold: number): Promise<'early' | DeviceCodeOutcome>
  /** What a poll of this code may be told by the one who read it. Undefined for a code that is not there. */
  findStamped(id: string): Promise<StampedRecord | undefined>
  /**
   * {@link poll} of a code that was read before: notes nothing if it is another one by now, or gone, and says that it has `moved`.
   * MUST look and note in one step.
   */
  pollStamped(id: string, stamp: string, interval: number, hold: number): Promise<'moved' | 'early' | DeviceCodeOutcome>
  /** The poll that is held is answered now. Says what it can be told. MUST be atomic. */
  endPoll(id: string): Promise<DeviceCodeOutcome>
  /**
   * Calls `onNews` when the code may have been decided, on whichever process, until the function that it returns is called.
   * From then on every decision leads to a call, unless the word of it is lost, as it may be; while it cannot be
   * heard at all, there is a call a second, and for more than a thousand codes a call every few.
   */
  watch(id: string, onNews: () => void): () => void
}

/** Whether the person has answered. */
export type DeviceCodeOutcome = 'decided' | 'undecided'

/** `stamp` is another one after each write of the payload. */
export interface StampedRecord extends StoredRecord {
  readonly stamp: string
}

/** Counts attempts in fixed windows. */
export interface AttemptStore {
  /**
   * Takes one attempt out of `limit` in a window of that length, which begins with the first attempt. MUST be atomic.
   * `retryAfter` is how long it is until the window ends, and never 0.
   */
  take(name: string, limit: number, window: number): Promise<{ readonly allowed: boolean; readonly retryAfter: number }>
  /** Gives one attempt back, as for one that turned out right. Never below zero. */
  giveBack(name: string): Promise<void>
}

/** Few and small values that live for ever, such as the signing keys. Sealed like everything else. */
export interface DocumentStore {
  /** Undefined also for one that does not open, as under another AUTH_SECRET. */
  get(name: string): Promise<unknown>
  put(name: string, value: unknown): Promise<void>
  /**
   * Stores `value` unless there is one, and returns what is stored then. MUST be atomic. Throws, and leaves it, if the
   * one that is there does not open: a wrong AUTH_SECRET must not cost the signing keys.
   */
  putIfAbsent(name: string, value: unknown): Promise<unknown>
  /** It is gone after so many milliseconds, if it is not before; 0: at once. One that is put again lives for ever. */
  endWithin(name: string, time: number): Promise<void>
  /** As {@link RecordStore.list}, of all names. */
  list(page: PageRequest): Promise<Page<unknown>>
}

export interface Store {
  /** Whether other processes, replicas of this one, see the same state. */
  readonly shared: boolean
  readonly records: RecordStore
  readonly deviceCodes: DeviceCodeStore
  readonly attempts: AttemptStore
  readonly documents: DocumentStore
  /**
   * Resolves if the store answers; throws {@link StoreUnavailableError} if it does not. Its cause is a {@link ConfigError} if the data is of
   * a newer release; a store that finds that out when it is opened throws one then.
   */
  ping(): Promise<void>
  close(): Promise<void>
}

/** Milliseconds since the epoch. */
export type Clock = () => number
