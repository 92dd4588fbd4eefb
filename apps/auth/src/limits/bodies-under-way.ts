// What bodies that are on their way take of memory. Nobody is known yet who sends them, and the last byte may never come:
// a form has 56 KB at most, but there may be ten thousand connections.
import type { IncomingMessage } from 'node:http'
import { networkOf } from '@gatehouse/service'
import type { FastifyInstance } from 'fastify'
import { BusyError, TooManyRequestsError } from '../errors.ts'
import { roomSeconds } from '../wire-errors.ts'

export interface BodyRoom {
  /** Bytes for one network. Thousands of forms of the usual size. */
  readonly perNetwork: number
  /** Bytes in this process. */
  readonly total: number
}

export const bodyRoom: BodyRoom = { perNetwork: 4 * 1_048_576, total: 64 * 1_048_576 }

const rooms = new WeakMap<IncomingMessage, () => void>()

/** For a small request that was read, and whose answer takes long: else those that wait keep everybody out. Idempotent. */
export function giveRoomBack(request: IncomingMessage): void {
  rooms.get(request)?.()
  rooms.delete(request)
}

/**
 * Refuses requests whose body has no room, before a byte of it is read: {@link TooManyRequestsError} for a network that has
 * too much under way, {@link BusyError} where all together have. A body counts as long as it says it is, or as it may
 * be, until it is answered or {@link giveRoomBack}.
 */
export function boundBodies(app: FastifyInstance, { perNetwork, total }: BodyRoom = bodyRoom): void {
  const longest = app.initialConfig.bodyLimit ?? Number.POSITIVE_INFINITY
  const ofNetwork = new Map<string, number>()
  let all = 0
  app.addHook('onRequest', async (request, reply) => {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers
    const bytes = Math.min(coding === undefined ? Number(length ?? 0) : longest, longest)
    if (bytes === 0) return
    const network = networkOf(request.ip)
    const held = ofNetwork.get(network) ?? 0
    if (held + bytes > perNetwork) throw new TooManyRequestsError(roomSeconds)
    if (all + bytes > total) throw new BusyError()
    const count = (more: number): void => {
      all += more
      const left = (ofNetwork.get(network) ?? 0) + more
      if (left > 0) ofNetwork.set(network, left)
      else ofNetwork.delete(network)
    }
    count(bytes)
    rooms.set(request.raw, () => count(-bytes))
    reply.raw.once('close', () => giveRoomBack(request.raw))
  })
}
