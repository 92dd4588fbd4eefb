// Messages from replica to replica: sealed, in order, in pieces where they are large. Who writes faster than is read waits.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { largestMail, ReplicaBusyError, type ReplicaName, type Replicas } from '@gatehouse/replicas'
import type { SealedMail } from './sealed-mail.ts'

export interface Post {
  /** Resolves when it lies with the other one. What is sent one after the other arrives so. */
  send(to: ReplicaName, message: object, options?: { readonly isUrgent?: boolean }): Promise<void>
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
/** Messages of which not all is there: the oldest is given up. */
const mostPartial = 64
/** Milliseconds after which one who does not read is asked again, and in all. */
const again = 20
const patience = 30_000

export function createPost({ replicas, mail, onMessage, onerror }: PostOptions): Post {
  const queues = new Map<ReplicaName, Promise<unknown>>()
  const partial = new Map<string, Buffer[]>()

  replicas.onMail(({ from, value, age }) => {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    const key = `${from} ${bytes.toString('base64url', 1, header)}`
    const pieces = [...(partial.get(key) ?? []), bytes.subarray(header)]
    partial.delete(key)
    if (bytes[0] !== 1) {
      const [oldest] = partial.keys()
      if (partial.size >= mostPartial && oldest !== undefined) partial.delete(oldest)
      if (pieces.length * pieceLength <= largestMessage) partial.set(key, pieces)
      return
    }
    const opened = mail.open(contextOf(from, replicas.self), Buffer.concat(pieces))
    if (!opened) return onerror(new Error('a message of another replica does not open: do all have one MCP_SECRET?'))
    onMessage(from, JSON.parse(opened.toString('utf8')), age)
  })

  async function sendPieces(to: ReplicaName, message: object, isUrgent: boolean): Promise<void> {
    const from = replicas.self
    const sealed = mail.seal(contextOf(from, to), Buffer.from(JSON.stringify(message)))
    const id = randomBytes(idLength)
    const until = performance.now() + (isUrgent ? 0 : patience)
    for (let at = 0; at === 0 || at < sealed.length; at += pieceLength) {
      const piece = sealed.subarray(at, at + pieceLength)
      const isLast = at + pieceLength >= sealed.length
      await sendPatiently(to, Buffer.concat([Buffer.from([isLast ? 1 : 0]), id, piece]), until)
    }
  }

  async function sendPatiently(to: ReplicaName, value: Uint8Array, until: number): Promise<void> {
    for (;;) {
      try {
        return await replicas.send(to, value)
      } catch (error) {
        if (!(error instanceof ReplicaBusyError) || performance.now() >= until) throw error
        await sleep(again, undefined, { ref: false })
      }
    }
  }

  return {
    send(to, message, { isUrgent = false } = {}) {
      const before = queues.get(to) ?? Promise.resolve()
      const sending = before.then(() => sendPieces(to, message, isUrgent))
      const turn = sending.catch(() => undefined).finally(() => queues.get(to) === turn && queues.delete(to))
      queues.set(to, turn)
      return sending
    },
  }
}

function contextOf(from: ReplicaName, to: ReplicaName): string {
  return JSON.stringify([from, to])
}
