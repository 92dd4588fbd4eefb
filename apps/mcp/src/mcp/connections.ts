// Connections that an answer holds for longer than a moment: how many there may be, when they end at the latest, and what
// becomes of them when the process ends.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Caller } from '@gatehouse/guard'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { refusePassing } from '../errors.ts'
import { createOpenStreams, type StreamLimits } from './stream-limits.ts'
import { lifeOf } from './token-life.ts'

/** Takes a connection over, and resolves when the answer and the work for it are done. `life` ends with the caller's token. */
export type Serve = (life: AbortSignal) => Promise<void>

export interface Connections {
  /** Aborted when the process is about to end. Streams that only wait end then, so that their clients come back elsewhere. */
  readonly closing: AbortSignal
  /** Hands a connection over. One that `isStream` is counted, and refused with 429 if there is no place for it. */
  hand(
    request: FastifyRequest,
    reply: FastifyReply,
    to: { caller: Caller; serve: Serve; isStream: boolean },
  ): Promise<void>
  /** Ends: first what waits, then, after the answers that are under way have had their time, what `stop` ends. */
  close(stop: () => Promise<unknown>): Promise<void>
}

export interface ConnectionsOptions {
  readonly limits: StreamLimits
  /** Milliseconds for calls to end in before they are ended. */
  readonly answerLimit: number
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  readonly onerror: (error: Error) => void
}

/** Milliseconds for the last answers to leave in. */
const flushLimit = 1_000

export function createConnections({ limits, answerLimit, clock, onerror }: ConnectionsOptions): Connections {
  const streams = createOpenStreams(limits)
  const closing = new AbortController()
  const calls = new Set<Promise<void>>()

  async function serveUntilDone(reply: FastifyReply, caller: Caller, serve: Serve): Promise<void> {
    using life = lifeOf(caller, clock())
    try {
      await serve(life.signal)
    } catch (error) {
      onerror(error as Error)
      reply.raw.destroy()
    }
    if (!reply.raw.closed) await once(reply.raw, 'close').catch(() => undefined)
  }

  const settled = (limit: number) => Promise.race([Promise.all(calls), sleep(limit, undefined, { ref: false })])

  return {
    closing: closing.signal,

    async hand(request, reply, { caller, serve, isStream }) {
      const giveBack = isStream ? streams.take(caller.subject, request.ip) : () => undefined
      if (!giveBack) {
        refusePassing(reply, 'tooManyStreams')
        return
      }
      reply.hijack() // which leaves the headers behind
      for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value ?? '')
      reply.raw.setHeader('cache-control', 'no-store')
      // who writes to an answer that is over is no reason to end the process
      reply.raw.on('error', () => undefined)
      // Nothing has moved for a while: either nothing is said yet, or what is said is not read.
      reply.raw.on('timeout', () => reply.raw.writableLength > 0 && reply.raw.destroy())
      const call = serveUntilDone(reply, caller, serve)
      calls.add(call)
      await call
      calls.delete(call)
      giveBack()
    },

    async close(stop) {
      closing.abort()
      await settled(answerLimit)
      await stop()
      await settled(flushLimit)
    },
  }
}
