// What the messages that are on their way, or being answered, take of memory. A megabyte each is little, but one caller can
// begin thousands of them and send the last byte never.
import { isTooDeep } from '@gatehouse/shared'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refusePassing } from '../errors.ts'

export interface BodyLimits {
  /** Bytes of all messages of one caller. */
  readonly perSubject: number
  /** Bytes of all messages in this process. */
  readonly total: number
}

export const defaultBodyLimits: BodyLimits = { perSubject: 16_777_216, total: 67_108_864 }

/** Runs the work that a message asks for: what it takes is counted until that is done, whether the client stays or not. */
export type WhileHeld = (request: FastifyRequest, work: () => Promise<void>) => Promise<void>

interface Held {
  readonly subject: string
  bytes: number
  isWorked: boolean
  isClosed: boolean
}

/**
 * Makes the routes of a plugin read JSON, and nothing else, as far as there is room for it: 429 for a caller who has too
 * much under way, 503 where everybody together has. The guard has to run before.
 */
export function readWithinBudget(app: FastifyInstance, { perSubject, total }: BodyLimits): WhileHeld {
  const ofRequest = new WeakMap<FastifyRequest, Held>()
  const ofSubject = new Map<string, number>()
  let all = 0

  function count(subject: string, bytes: number): void {
    all += bytes
    const left = (ofSubject.get(subject) ?? 0) + bytes
    if (left > 0) ofSubject.set(subject, left)
    else ofSubject.delete(subject)
  }

  function resize(held: Held, bytes: number): void {
    count(held.subject, bytes - held.bytes)
    held.bytes = bytes
  }

  function releaseIfDone(held: Held): void {
    if (held.isClosed && !held.isWorked) resize(held, 0)
  }

  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    const held = ofRequest.get(request)
    if (held) resize(held, body.length)
    if (isTooDeep(body)) done(Object.assign(new Error('the body is nested too deep'), { code: 'JSON_TOO_DEEP' }))
    else void parse(request, body, done)
  })

  app.addHook('preParsing', async (request: FastifyRequest, reply: FastifyReply) => {
    const subject = request.caller?.subject ?? ''
    // Of what does not say how long it is we only know how long it may be.
    const bytes = Math.min(
      Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY),
      app.initialConfig.bodyLimit ?? 0,
    )
    const isTooMuch = (ofSubject.get(subject) ?? 0) + bytes > perSubject
    if (isTooMuch || all + bytes > total) {
      refusePassing(reply, isTooMuch ? 'callerBusy' : 'busy')
      return
    }
    const held: Held = { subject, bytes: 0, isWorked: false, isClosed: false }
    resize(held, bytes)
    ofRequest.set(request, held)
    reply.raw.once('close', () => {
      held.isClosed = true
      releaseIfDone(held)
    })
  })

  return async (request, work) => {
    const held = ofRequest.get(request)
    if (!held) throw new Error('a message was read that is not counted')
    held.isWorked = true
    try {
      await work()
    } finally {
      held.isWorked = false
      releaseIfDone(held)
    }
  }
}
