// Work that another replica does for us, and we for others: a call, what is told and asked in the middle of it, and its end.
// Nothing is done twice: a call is made once, and one that lay too long is not begun. Whoever is gone takes with it what it did.
import { randomUUID } from 'node:crypto'
import type { ReplicaName, Replicas } from '@gatehouse/replicas'
import type { Json } from '../upstreams/contract.ts'
import { decodeError, encodeError, NotBegunError, ReplicaLostError } from './call-errors.ts'
import { createPost } from './post.ts'
import type { SealedMail } from './sealed-mail.ts'

/** Towards whoever had it done. */
export interface Caller {
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal
  tell(event: Json): void
  ask(question: Json): Promise<Json>
  /** To be awaited before anything is done that must not be done twice. */
  begin(): Promise<void>
}

/** Towards whoever does it. */
export interface Company {
  readonly signal: AbortSignal
  hear(event: Json): void
  ask(question: Json): Promise<Json>
}

export interface Calls {
  /**
   * Has `operation` done by `replica`. Rejects with what it rejects with there; with {@link NotBegunError} where it is certain
   * that it was not begun and will not be, with {@link ReplicaLostError} where the other one is gone in the middle of it.
   */
  call(replica: ReplicaName, operation: string, input: Json, company: Company): Promise<Json>
  /** Does `operation` for others. Returns how to stop. */
  serve(operation: string, work: (input: Json, caller: Caller) => Promise<Json>): () => void
  close(): void
}

export interface CallsOptions {
  readonly replicas: Replicas
  readonly mail: SealedMail
  readonly onerror: (error: Error) => void
}

type Message =
  | { readonly kind: 'do'; readonly call: string; readonly operation: string; readonly input: Json }
  | { readonly kind: 'begun'; readonly call: string }
  | { readonly kind: 'stop'; readonly call: string }
  | { readonly kind: 'told'; readonly call: string; readonly event: Json }
  | { readonly kind: 'asked'; readonly call: string; readonly id: number; readonly question: Json }
  | {
      readonly kind: 'answered'
      readonly call: string
      readonly id: number
      readonly answer?: Json
      readonly error?: Json
    }
  | { readonly kind: 'done'; readonly call: string; readonly result?: Json; readonly error?: Json }

interface Outgoing {
  readonly replica: ReplicaName
  readonly company: Company
  hasBegun: boolean
  resolve(result: Json): void
  reject(error: Error): void
}

interface Incoming {
  readonly from: ReplicaName
  readonly stop: AbortController
  readonly answers: Map<number, PromiseWithResolvers<Json>>
}

/** Milliseconds that a call may lie before it is begun. */
const freshness = 5_000
/** Milliseconds between looks whether those are alive whom we wait for, or who wait for us. */
const lookAfter = 1_000

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
  const send = (to: ReplicaName, message: Message) => post.send(to, message)
  /** Where nobody can do anything about it: who is gone is noticed, and all ends. */
  const tell = (to: ReplicaName, message: Message): void => void send(to, message).catch(onerror)

  function take(from: ReplicaName, message: Message, age: number): void {
    if (message.kind === 'do') void doIt(from, message, age)
    else if (message.kind === 'answered' || message.kind === 'stop') takeFromCaller(from, message)
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

  function takeFromDoer(from: ReplicaName, message: Exclude<Message, { kind: 'do' | 'answered' | 'stop' }>): void {
    const one = outgoing.get(message.call)
    if (one?.replica !== from) return
    if (message.kind === 'begun') one.hasBegun = true
    else if (message.kind === 'told') one.company.hear(message.event)
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

  async function doIt(from: ReplicaName, { call, operation, input }: Extract<Message, { kind: 'do' }>, age: number) {
    const work = operations.get(operation)
    if (!work || age > freshness) return tell(from, { kind: 'done', call, error: encodeError(new NotBegunError()) })
    const one: Incoming = { from, stop: new AbortController(), answers: new Map() }
    incoming.set(call, one)
    let asked = 0
    const caller: Caller = {
      signal: one.stop.signal,
      tell: (event) => tell(from, { kind: 'told', call, event }),
      begin: () => send(from, { kind: 'begun', call }),
      ask(question) {
        asked += 1
        const waiting = Promise.withResolvers<Json>()
        one.answers.set(asked, waiting)
        tell(from, { kind: 'asked', call, id: asked, question })
        return waiting.promise
      },
    }
    try {
      await send(from, { kind: 'done', call, result: await work(input, caller) })
    } catch (error) {
      await send(from, { kind: 'done', call, error: encodeError(error) }).catch(onerror)
    } finally {
      incoming.delete(call)
      for (const { promise, reject } of one.answers.values()) {
        promise.catch(() => undefined)
        reject(new Error('the call is over'))
      }
    }
  }

  async function look(): Promise<void> {
    const names = new Set([...outgoing.values()].map(({ replica }) => replica))
    for (const { from } of incoming.values()) names.add(from)
    for (const name of names) {
      if (await replicas.isAlive(name)) continue
      for (const one of outgoing.values()) if (one.replica === name) one.reject(lossOf(one))
      for (const one of incoming.values()) if (one.from === name) one.stop.abort()
    }
  }
  const looking = setInterval(() => void look().catch(() => undefined), lookAfter).unref()
  // What is answered now is answered to another name.
  const stopLosing = replicas.onLost(() => {
    for (const one of outgoing.values()) one.reject(lossOf(one))
    for (const one of incoming.values()) one.stop.abort()
  })

  return {
    async call(replica, operation, input, company) {
      const call = randomUUID()
      const { promise, resolve, reject } = Promise.withResolvers<Json>()
      const onAbort = () => tell(replica, { kind: 'stop', call })
      outgoing.set(call, { replica, company, hasBegun: false, resolve, reject })
      try {
        // a call that nobody could be told of is none
        await post.send(replica, { kind: 'do', call, operation, input }, { isUrgent: true }).catch((cause: Error) => {
          throw new NotBegunError({ cause })
        })
        company.signal.addEventListener('abort', onAbort, { once: true })
        if (company.signal.aborted) onAbort()
        return await promise
      } finally {
        company.signal.removeEventListener('abort', onAbort)
        outgoing.delete(call)
        promise.catch(() => undefined)
      }
    },

    serve(operation, work) {
      operations.set(operation, work)
      return () => {
        if (operations.get(operation) === work) operations.delete(operation)
      }
    },

    close() {
      clearInterval(looking)
      stopLosing()
      for (const one of outgoing.values()) one.reject(lossOf(one))
      for (const one of incoming.values()) one.stop.abort()
    },
  }
}

/** One that is gone begins nothing any more: what lies in its inbox is not read by anybody. */
function lossOf({ hasBegun }: Outgoing): Error {
  return hasBegun ? new ReplicaLostError() : new NotBegunError()
}
