// Messages from replica to replica: sealed, in order, in pieces where they are large. Who writes faster than is read waits.
import { randomBytes } from 'node:crypto'
import { largestMail, type ReplicaName, type Replicas } from '@gatehouse/replicas'
import type { SealedMail } from './sealed-mail.ts'

export interface Post {
  /**
   * Resolves when it lies with the other one. What is sent one after the other arrives so. `patience`: milliseconds for each
   * piece. Throws {@link TooLargeError} before anything is sent.
   */
  send(to: ReplicaName, message: object, patience?: number): Promise<void>
  /** Bytes that are to be sent there, and were not yet. */
  waiting(to: ReplicaName): number
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
const pieceLength = largestMail - header
/** Bytes of one message: one of an upstream, and what goes with it. */
const largestMessage = 16 * 1024 * 1024
/** Replicas of which a part of a message is there: what came of the oldest is given up. */
const mostPartial = 16

interface Partial {
  readonly id: string
  readonly pieces: Buffer[]
}

export function createPost({ replicas, mail, onMessage, onerror }: PostOptions): Post {
  const queues = new Map<ReplicaName, { turn: Promise<unknown>; bytes: number }>()
  /** Of each sender one at most: its messages come one after the other. */
  const partial = new Map<ReplicaName, Partial>()

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
      const [oldest] = partial.keys()
      if (partial.size >= mostPartial && oldest !== undefined) partial.delete(oldest)
      if (pieces.length * pieceLength <= largestMessage) partial.set(from, { id, pieces })
      return undefined
    }
    const opened = mail.open(contextOf(from, replicas.self), Buffer.concat(pieces))
    if (!opened) throw new Error('a message of another replica does not open: do all have one MCP_SECRET?')
    return JSON.parse(opened.toString('utf8'))
  }

  async function sendPieces(from: ReplicaName, to: ReplicaName, sealed: Uint8Array, patience?: number): Promise<void> {
    const id = randomBytes(idLength)
    for (let at = 0; at === 0 || at < sealed.length; at += pieceLength) {
      // what is sealed in the name of one is read from no other
      if (replicas.self !== from) throw new Error('this replica has another name now')
      const isLast = at + pieceLength >= sealed.length
      const piece = Buffer.concat([Buffer.from([isLast ? 1 : 0]), id, sealed.subarray(at, at + pieceLength)])
      await replicas.send(to, piece, patience)
    }
  }

  return {
    async send(to, message, patience) {
      const from = replicas.self
      const sealed = mail.seal(contextOf(from, to), Buffer.from(JSON.stringify(message)))
      if (sealed.length > largestMessage) throw new TooLargeError()
      const queue = queues.get(to) ?? { turn: Promise.resolve(), bytes: 0 }
      queues.set(to, queue)
      queue.bytes += sealed.length
      const sending = queue.turn.then(() => sendPieces(from, to, sealed, patience))
      queue.turn = sending.catch(() => undefined)
      try {
        await sending
      } finally {
        queue.bytes -= sealed.length
        if (queue.bytes === 0) queues.delete(to)
      }
    },
    waiting: (to) => queues.get(to)?.bytes ?? 0,
  }
}

function contextOf(from: ReplicaName, to: ReplicaName): string {
  return JSON.stringify([from, to])
}
