// Work that another replica does for us, and we for others: a call, what is told and asked in the middle of it, and its end.
// Nothing is done twice: before it begins, the doer decides so in the store, where the one who has doubts can decide that it
// shall not begin. The first one counts. A doer that is gone takes with it what it did.
import { randomUUID } from 'node:crypto'
import type { ReplicaName, Replicas } from '@gatehouse/replicas'
import { activeSpan, inSpan } from '@gatehouse/service'
import { type Json, RpcError } from '../upstreams/contract.ts'
import { decodeError, encodeError, NotBegunError, ReplicaLostError, SilentError } from './call-errors.ts'
import type { FromDoer, Message } from './call-messages.ts'
import { createDecisions, type Moment, momentNow } from './decisions.ts'
import type { Caller, Company } from './parties.ts'
import { createPost, TooLargeError, UnsentError } from './post.ts'
import type { SealedMail } from './sealed-mail.ts'
import { createWords, type Words } from './words.ts'

export interface Calls {
  /**
   * Has `operation` done by `replica`. Rejects with what it rejects with there; with {@link NotBegunError} where it is certain
   * that it was not begun and will not be, with {@link ReplicaLostError} where the other one is gone, or we are for the
   * others, and it may have been.
   */
  call(replica: ReplicaName, operation: string, input: Json, company: Company): Promise<Json>
  /** Does `operation` for others. Returns how to stop. */
  serve(operation: string, work: (input: Json, caller: Caller) => Promise<Json>): () => void
  /** Whether somebody here does it for others. */
  isServed(operation: string): boolean
  /** Aborted once nothing more is begun for others: what would never end by itself ends. */
  readonly draining: AbortSignal
  /** Begins nothing more for others, and resolves when what was begun has been answered. */
  drain(): Promise<void>
  close(): void
}

export interface CallsOptions {
  readonly replicas: Replicas
  readonly mail: SealedMail
  readonly onerror: (error: Error) => void
}

interface Outgoing {
  readonly replica: ReplicaName
  readonly company: Company
  readonly since: Moment
  /** It may have been: there is no use in asking any more. */
  hasBegun: boolean
  /** Milliseconds of {@link performance.now}, of the last word of the one who does it, or of our last question after it. */
  heardAt: number
  doubting: Promise<void> | undefined
  resolve(result: Json): void
  reject(error: Error): void
}

interface Incoming {
  readonly from: ReplicaName
  readonly stop: AbortController
  readonly answers: Map<number, PromiseWithResolvers<Json>>
  readonly words: Words
}

/** Milliseconds that a call may lie before it is begun. */
const freshness = 5_000
/** Milliseconds between looks whether those are alive whom we wait for, or who wait for us. */
const lookAfter = 1_000
/** Milliseconds for another replica to be told of a call, of words and questions in it, and for it to take a large answer. */
const patience = { call: 2_000, word: 10_000, question: 10_000, answer: 30_000 }
/** Milliseconds without a word after which it is asked what became of a call. */
const soughtAfter = 10_000

export function createCalls({ replicas, mail, onerror }: CallsOptions): Calls {
  const outgoing = new Map<string, Outgoing>()
  const incoming = new Map<string, Incoming>()
  const operations = new Map<string, (input: Json, caller: Caller) => Promise<Json>>()
  const post = createPost({
    replicas,
    mail,
    onerror,
    onMessage: (from, message, age) => take(from, message as Message, age),
  })
  const decisions = createDecisions(replicas)
  const draining = new AbortController()
  const idle = Promise.withResolvers<void>()
  const send = (to: ReplicaName, message: Message, forSoLong: number, signal?: AbortSignal) =>
    post.send(to, message, forSoLong, signal)
  /** Where nobody can do anything about it: who is gone is noticed, what is lost is asked for, and all ends. */
  const tell = (to: ReplicaName, message: Message, forSoLong = patience.question): void =>
    void send(to, message, forSoLong).catch(onerror)

  function take(from: ReplicaName, message: Message, age: number): void {
    if (message.kind === 'do') void doIt(from, message, age)
    else if (message.kind === 'sought') {
      if (incoming.get(message.call)?.from !== from) tell(from, { kind: 'unknown', call: message.call })
    } else if (message.kind === 'answered' || message.kind === 'stop') takeFromCaller(from, message)
    else takeFromDoer(from, message)
  }

  function takeFromCaller(from: ReplicaName, message: Extract<Message, { kind: 'answered' | 'stop' }>): void {
    const one = incoming.get(message.call)
    if (one?.from !== from) return
    if (message.kind === 'stop') {
      one.stop.abort()
      return
    }
    const waiting = one.answers.get(message.id)
    one.answers.delete(message.id)
    if (message.error === undefined) waiting?.resolve(message.answer)
    else waiting?.reject(decodeError(message.error))
  }

  function takeFromDoer(from: ReplicaName, message: FromDoer): void {
    const one = outgoing.get(message.call)
    if (one?.replica !== from) return
    one.heardAt = performance.now()
    if (message.kind === 'begun') one.hasBegun = true
    // what was answered before lies before it
    else if (message.kind === 'unknown') void doubt(message.call, one, 'over')
    else if (message.kind === 'told') for (const event of message.events) one.company.hear(event)
    else if (message.kind === 'asked') void answer(from, message, one)
    else if (message.error === undefined) one.resolve(message.result)
    else one.reject(decodeError(message.error))
  }

  async function answer(
    from: ReplicaName,
    { call, id, question }: Extract<Message, { kind: 'asked' }>,
    { company }: Outgoing,
  ): Promise<void> {
    try {
      tell(from, { kind: 'answered', call, id, answer: await company.ask(question) })
    } catch (error) {
      tell(from, { kind: 'answered', call, id, error: encodeError(error) })
    }
  }

  async function doIt(
    from: ReplicaName,
    { call, operation, input, trace }: Extract<Message, { kind: 'do' }>,
    age: number,
  ) {
    const work = operations.get(operation)
    if (incoming.has(call)) return
    if (!work || age > freshness || draining.signal.aborted)
      return tell(from, { kind: 'done', call, error: encodeError(new NotBegunError()) })
    const words = createWords({
      send: (events) => send(from, { kind: 'told', call, events }, patience.word),
      waiting: () => post.waiting(from),
    })
    const one: Incoming = { from, stop: new AbortController(), answers: new Map(), words }
    incoming.set(call, one)
    try {
      const run = () => work(input, callerOf(call, one))
      const result = await (trace
        ? inSpan('for another replica', { kind: 'server', parent: { ours: trace } }, run)
        : run())
      words.flush()
      await send(from, { kind: 'done', call, result }, patience.answer)
    } catch (error) {
      words.flush()
      tell(from, { kind: 'done', call, error: encodeError(error instanceof TooLargeError ? tooLarge() : error) })
    } finally {
      incoming.delete(call)
      for (const { promise, reject } of one.answers.values()) {
        promise.catch(() => undefined)
        reject(new Error('the call is over'))
      }
      if (incoming.size === 0 && draining.signal.aborted) idle.resolve()
    }
  }

  function callerOf(call: string, { from, stop: { signal }, answers, words }: Incoming): Caller {
    const name = replicas.self
    let asked = 0
    return {
      signal,
      tell: words.tell,
      async begin() {
        const mayBegin = await decisions.begin(call).catch((cause: Error) => {
          throw new NotBegunError({ cause })
        })
        const isOurs = mayBegin && replicas.isSure() && replicas.self === name
        if (!isOurs || signal.aborted) throw new NotBegunError()
        tell(from, { kind: 'begun', call })
      },
      ask(question) {
        asked += 1
        const waiting = Promise.withResolvers<Json>()
        answers.set(asked, waiting)
        words.flush()
        send(from, { kind: 'asked', call, id: asked, question }, patience.question).catch(waiting.reject)
        return waiting.promise
      },
    }
  }

  const hasBegunAt = async (call: string, { hasBegun, since }: Outgoing): Promise<boolean> =>
    hasBegun || decisions.hasBegun(call, since)

  /** Why: nothing was heard of it; nobody knows whether it was sent; no answer will come any more. */
  async function doubt(call: string, one: Outgoing, why: 'silent' | 'unsure' | 'over'): Promise<void> {
    await one.doubting
    one.doubting = hasBegunAt(call, one).then((hasBegun) => {
      one.hasBegun = hasBegun
      if (!hasBegun) one.reject(why === 'silent' ? new SilentError() : new NotBegunError())
      else if (why === 'over') one.reject(new ReplicaLostError())
    })
    await one.doubting
  }

  async function look(): Promise<void> {
    for (const [call, one] of outgoing) {
      const isLate = performance.now() - one.since.ticks > freshness + lookAfter
      if (isLate && !one.hasBegun && !one.doubting) void doubt(call, one, 'silent')
      if (one.hasBegun && performance.now() - one.heardAt > soughtAfter) {
        one.heardAt = performance.now()
        tell(one.replica, { kind: 'sought', call })
      }
    }
    const names = new Set([...outgoing.values()].map(({ replica }) => replica))
    for (const { from } of incoming.values()) names.add(from)
    for (const name of names) {
      if (await replicas.isAlive(name)) continue
      for (const [call, one] of outgoing) if (one.replica === name) void doubt(call, one, 'over')
      for (const one of incoming.values()) if (one.from === name) one.stop.abort()
    }
  }
  const looking = setInterval(() => void look().catch(() => undefined), lookAfter).unref()
  // What is answered now is answered to another name.
  const stopLosing = replicas.onLost(() => {
    for (const [call, one] of outgoing) void doubt(call, one, 'over')
    for (const one of incoming.values()) one.stop.abort()
  })

  return {
    async call(replica, operation, input, company) {
      const call = randomUUID()
      const { promise, resolve, reject } = Promise.withResolvers<Json>()
      const onAbort = () => tell(replica, { kind: 'stop', call })
      const since = momentNow()
      const over = new AbortController()
      const one: Outgoing = {
        replica,
        company,
        since,
        hasBegun: false,
        heardAt: since.ticks,
        doubting: undefined,
        resolve,
        reject,
      }
      outgoing.set(call, one)
      try {
        // one that nobody could be told of may have been told all the same
        const trace = activeSpan()?.context
        send(replica, { kind: 'do', call, operation, input, trace }, patience.call, over.signal).catch(
          (error: Error) => {
            if (error instanceof TooLargeError) reject(tooLarge())
            else if (error instanceof UnsentError) reject(new SilentError())
            else return doubt(call, one, 'unsure')
          },
        )
        company.signal.addEventListener('abort', onAbort, { once: true })
        if (company.signal.aborted) onAbort()
        const result = await promise
        decisions.forget(call).catch(() => undefined)
        return result
      } finally {
        company.signal.removeEventListener('abort', onAbort)
        outgoing.delete(call)
        over.abort()
      }
    },

    isServed: (operation) => operations.has(operation),

    serve(operation, work) {
      operations.set(operation, work)
      return () => {
        if (operations.get(operation) === work) operations.delete(operation)
      }
    },

    draining: draining.signal,

    async drain() {
      draining.abort()
      if (incoming.size > 0) await idle.promise
    },

    close() {
      draining.abort()
      clearInterval(looking)
      stopLosing()
      for (const one of outgoing.values()) one.reject(new ReplicaLostError())
      for (const one of incoming.values()) one.stop.abort()
    },
  }
}

function tooLarge(): RpcError {
  return new RpcError(-32_603, 'It is too large to be passed from replica to replica')
}
