// What a connection to a service may cost. Anyone who opens many, or says little on them, is cut off, and the others do not
// notice. Streams, and answers that nobody reads, are the MCP server's own business.
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Options for Fastify, in milliseconds: the time for a request's headers, for all of it, and for a connection on which
 * nothing moves, neither way. Node looks once in `connectionsCheckingInterval`.
 */
export const connectionLimits = {
  requestTimeout: 30_000,
  connectionTimeout: 60_000,
  http: { headersTimeout: 10_000, connectionsCheckingInterval: 1_000 },
} as const

/** Each takes some memory, and a file that the process also needs for its store. */
const mostConnections = 10_000

/**
 * Bounds how many connections there are. Returns how to end those that would keep the server from closing: at once where
 * no request ever came, as browsers open connections ahead; after `answerLimit` milliseconds all of them.
 */
export function boundConnections(server: Server): (answerLimit: number) => void {
  server.maxConnections = mostConnections
  const silent = new Set<Socket>()
  server.on('connection', (socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  server.on('request', ({ socket }) => silent.delete(socket))
  return (answerLimit) => {
    for (const socket of silent) socket.destroy()
    setTimeout(() => server.closeAllConnections(), answerLimit).unref()
  }
}
