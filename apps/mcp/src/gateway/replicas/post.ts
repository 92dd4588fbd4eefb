// Messages from replica to replica: sealed, in order, in pieces where they are large. Who writes faster than is read waits.
import { randomBytes } from 'node:crypto'
import { largestMail, ReplicaGoneError, type ReplicaName, type Replicas } from '@gatehouse/replicas'
import { createRecent } from '../recent.ts'
import type { SealedMail } from './sealed-mail.ts'

export interface Post {
  /**
   * Resolves when it lies with the other one. What is sent one after the other arrives so. `patience`: milliseconds from now.
   * Throws {@link TooLargeError} before anything is sent, and {@link UnsentError} where nothing was and nothing will be.
   * `signal`: it is not wanted any more, if it was not begun to be sent.
   */
  send(to: ReplicaName, message: object, patience: number, signal?: AbortSignal): Promise<void>
  /** Bytes that are to be sent there, and were not yet. */
  waiting(to: ReplicaName): number
}

/** Its turn did not come in time. */
export class UnsentError extends Error {
  constructor() {
    super('it was not sent')
    this.name = 'UnsentError'
  }
}

export class TooLargeError extends Error {
  constructor() {
    super('it is too large for another replica')
    this.name = 'TooLargeError'
  }
}

export interface PostOptions {
  readonly replicas: Replicas
  readonly mail: SealedMail
  /** `age`: milliseconds for which the last piece of it lay. */
  readonly onMessage: (from: ReplicaName, message: object, age: number) => void
  readonly onerror: (error: Error) => void
}

/** A piece: whether it is the last one (1 byte), the message that it is of, and what of it. */
const idLength = 12
const header = 1 + idLength
/** Of whom it is known how far they were read. */
const mostSenders = 10_000
const pieceLength = largestMail - header
/** Bytes of one message: one of an upstream, and what goes with it. */
const largestMessage = 16 * 1024 * 1024
/** Bytes of messages that are not whole yet: what came first is given up. Milliseconds after which one is that does not go on. */
const mostPartial = 64 * 1024 * 1024
const partialLife = 30_000

interface Partial {
  readonly id: string
  readonly pieces: Buffer[]
  readonly at: number
}

/** What is sealed. `n` grows with each message to the same receiver: one that is sent again by somebody else is known by it. */
interface Envelope {
  readonly n: number
  readonly message: object
}

export function createPost({ replicas, mail, onMessage, onerror }: PostOptions): Post {
  const queues = new Map<ReplicaName, { turn: Promise<unknown>; bytes: number }>()
  /** Of each sender one at most: its messages come one after the other. */
  const partial = new Map<ReplicaName, Partial>()
  /** Numbers, given to and had from others. */
  const sent = new Map<ReplicaName, number>()
  const had = createRecent<number>(mostSenders)

  // another name of ours has other letters
  replicas.onLost(() => {
    sent.clear()
    partial.clear()
  })

  replicas.onMail(({ from, value, age }) => {
    try {
      const message = whole(from, Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      if (message) onMessage(from, message, age)
    } catch (error) {
      onerror(error as Error)
    }
  })

  /** Undefined while there is more to come. */
  function whole(from: ReplicaName, bytes: Buffer): object | undefined {
    const id = bytes.toString('base64url', 1, header)
    const before = partial.get(from)
    partial.delete(from)
    const pieces = before?.id === id ? before.pieces : []
    pieces.push(bytes.subarray(header))
    if (bytes[0] !== 1) {
      if (pieces.length * pieceLength <= largestMessage) partial.set(from, { id, pieces, at: performance.now() })
      makeRoom()
      return undefined
    }
    const opened = mail.open(contextOf(from, replicas.self), Buffer.concat(pieces))
    if (!opened) throw new Error('a message of another replica does not open: do all have one MCP_SECRET?')
    const { n, message }: Envelope = JSON.parse(opened.toString('utf8'))
    // under another name of ours they begin again
    const pair = contextOf(from, replicas.self)
    if (n <= (had.get(pair) ?? 0)) throw new Error('a message of another replica came again: it is not read twice')
    had.set(pair, n)
    return message
  }

  /** Of those whose senders are gone, and of what is too much. */
  function makeRoom(): void {
    let bytes = 0
    for (const { pieces } of partial.values()) bytes += pieces.length * pieceLength
    for (const [from, { pieces, at }] of partial) {
      const isOld = performance.now() - at > partialLife
      if (!isOld && bytes <= mostPartial) continue
      partial.delete(from)
      bytes -= pieces.length * pieceLength
      onerror(new Error('a message of another replica did not come to its end'))
    }
  }

  async function sendPieces(
    from: ReplicaName,
    to: ReplicaName,
    message: object,
    until: number,
    signal?: AbortSignal,
  ): Promise<void> {
    if (signal?.aborted || performance.now() >= until || replicas.self !== from) throw new UnsentError()
    const n = (sent.get(to) ?? 0) + 1
    sent.set(to, n)
    const envelope: Envelope = { n, message }
    const sealed = mail.seal(contextOf(from, to), Buffer.from(JSON.stringify(envelope)))
    const id = randomBytes(idLength)
    for (let at = 0; at === 0 || at < sealed.length; at += pieceLength) {
      // what is sealed in the name of one is read from no other
      if (replicas.self !== from) throw new Error('this replica has another name now')
      const isLast = at + pieceLength >= sealed.length
      const piece = Buffer.concat([Buffer.from([isLast ? 1 : 0]), id, sealed.subarray(at, at + pieceLength)])
      await replicas.send(to, piece, Math.max(0, until - performance.now()))
    }
  }

  return {
    async send(to, message, patience, signal) {
      const from = replicas.self
      const until = performance.now() + patience
      const length = Buffer.byteLength(JSON.stringify(message))
      if (length > largestMessage - 1_024) throw new TooLargeError()
      const queue = queues.get(to) ?? { turn: Promise.resolve(), bytes: 0 }
      queues.set(to, queue)
      queue.bytes += length
      const sending = queue.turn.then(() => sendPieces(from, to, message, until, signal))
      queue.turn = sending.catch(() => undefined)
      try {
        await sending
      } catch (error) {
        if (error instanceof ReplicaGoneError) sent.delete(to)
        throw error
      } finally {
        queue.bytes -= length
        if (queue.bytes === 0) queues.delete(to)
      }
    },
    waiting: (to) => queues.get(to)?.bytes ?? 0,
  }
}

function contextOf(from: ReplicaName, to: ReplicaName): string {
  return JSON.stringify([from, to])
}
