// The inbox of each replica: a stream, which is told of over a channel, and looked into each second in any case.
import { setTimeout as sleep } from 'node:timers/promises'
import { openRedisChannels, type RedisConnection, type RedisConnectionOptions } from '@gatehouse/service'
import { largestMail, type Mail, mostMail, ReplicaBusyError, ReplicaGoneError, type ReplicaName } from './contract.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { ScriptedRedis } from './redis-scripts.ts'

export interface RedisMailOptions extends RedisConnectionOptions {
  readonly redis: RedisConnection<ScriptedRedis>
  readonly heartbeat: Pick<Heartbeat, 'self' | 'requireName' | 'doubt'>
  readonly keys: {
    alive(name: ReplicaName): string
    inbox(name: ReplicaName): string
    bytes(name: ReplicaName): string
    last(name: ReplicaName): string
  }
  channelOf(name: ReplicaName): string
}

export interface RedisMail {
  /** From now on mail comes under this name. */
  listenAs(name: ReplicaName): void
  send(to: ReplicaName, value: Uint8Array, patience?: number): Promise<void>
  onMail(listener: (mail: Mail) => void): void
  close(): Promise<void>
}

/** Mail that nobody reads is forgotten with its reader. */
const inboxLife = 60_000
/** How often an inbox is looked into without a word; how many are read at once, and after how many bytes no more. */
const lookAgain = 1_000
const atOnce = 64
const bytesAtOnce = 1_048_576
/** Milliseconds after which what could not be sent is sent again. */
const sendAgain = 25
/** Bytes of a mail that is sent though there is little room: that something failed must be said. */
const small = 4_096

export function createRedisMail({ redis, heartbeat, keys, channelOf, ...options }: RedisMailOptions): RedisMail {
  let name: ReplicaName | undefined
  /** Up to where was read: it goes with the next look, so that nothing is lost where an answer of Redis is. */
  let cursor = '0-0'
  let listener: ((mail: Mail) => void) | undefined
  let isLooking = false
  let isNews = false
  let isClosed = false
  const channels = openRedisChannels({
    ...options,
    onMessage: () => void look(),
    onResumed() {
      // a Redis that is back may know nobody
      heartbeat.doubt().catch(() => undefined)
      void look()
    },
  })
  const looking = setInterval(() => void look(), lookAgain).unref()
  /** Of each receiver: its mails go one after the other, with a number, so that one that is sent again is known. */
  const turns = new Map<ReplicaName, { last: number; sending: Promise<unknown>; waiting: number }>()

  async function look(): Promise<void> {
    isNews = true
    if (isLooking || isClosed || !listener || name === undefined) return
    isLooking = true
    try {
      while (isNews && !isClosed) {
        isNews = false
        if (await takeSome(name)) isNews = true
      }
    } catch {
      // it is looked again in a second
    } finally {
      isLooking = false
    }
  }

  async function takeSome(reader: ReplicaName): Promise<boolean> {
    const [time, ...flat] = await redis.write((commands) =>
      commands.takeMailBuffer(keys.inbox(reader), keys.bytes(reader), cursor, atOnce, bytesAtOnce),
    )
    for (let at = 0; at + 2 < flat.length && reader === name && reader === heartbeat.self; at += 3) {
      const [position = '', from = ''] = [flat[at]?.toString(), flat[at + 1]?.toString()]
      cursor = position
      listener?.({ from, value: flat[at + 2] as Buffer, age: Number(time) - Number.parseInt(position, 10) })
    }
    // an inbox that is empty may be another one the next time
    if (flat.length === 0 && reader === name) cursor = '0-0'
    return flat.length > 0
  }

  async function sendOne(to: ReplicaName, value: Buffer, number: number, patience: number): Promise<void> {
    const from = await heartbeat.requireName()
    const began = performance.now()
    for (;;) {
      try {
        return await put(from, to, value, number)
      } catch (error) {
        const isLate = performance.now() - began >= patience || heartbeat.self !== from || isClosed
        if (error instanceof ReplicaGoneError || isLate) throw error
        await sleep(sendAgain, undefined, { ref: false })
        if (heartbeat.self !== from) throw error
      }
    }
  }

  async function put(from: ReplicaName, to: ReplicaName, value: Buffer, number: number): Promise<void> {
    const send = (commands: ScriptedRedis) =>
      commands.sendMail(
        keys.alive(to),
        keys.inbox(to),
        keys.bytes(to),
        keys.last(to),
        from,
        value,
        mostMail,
        inboxLife,
        channelOf(to),
        number,
      )
    const sent = await (value.length > small ? redis.add(value.length, send) : redis.write(send))
    if (sent === 'gone') throw new ReplicaGoneError()
    if (sent === 'busy') throw new ReplicaBusyError()
  }

  return {
    listenAs(given) {
      if (name !== undefined) channels.unsubscribe(channelOf(name))
      name = given
      cursor = '0-0'
      channels.subscribe(channelOf(given)).then(look)
    },

    async send(to, value, patience = Number.POSITIVE_INFINITY) {
      if (value.byteLength > largestMail) throw new RangeError('a mail is too large')
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      const turn = turns.get(to) ?? { last: 0, sending: Promise.resolve(), waiting: 0 }
      turns.set(to, turn)
      turn.last += 1
      turn.waiting += 1
      const number = turn.last
      const sending = turn.sending.then(() => sendOne(to, bytes, number, patience))
      turn.sending = sending.catch(() => undefined)
      try {
        await sending
      } catch (error) {
        if (error instanceof ReplicaGoneError && turn.waiting === 1) turns.delete(to)
        throw error
      } finally {
        turn.waiting -= 1
      }
    },

    onMail(hear) {
      listener = hear
      void look()
    },

    close() {
      isClosed = true
      clearInterval(looking)
      return channels.close()
    },
  }
}
