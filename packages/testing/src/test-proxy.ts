// A TCP proxy for tests: what is behind it can be away, hang, or lose its connections, without being touched.

import { connect } from 'node:net'
import type { Listening } from './listen.ts'
import { startTcpRelay } from './tcp-relay.ts'

export interface TestProxy extends Omit<Listening, 'port' | 'origin'> {
  /** The address of what is behind it, with the proxy in its place. */
  readonly url: string
  /** Everything that clients sent. */
  readonly requests: readonly Buffer[]
  /** From now on nothing passes, in either direction, and new connections are taken up and hang. */
  freeze(): void
  thaw(): void
  /** From now on answers are lost: requests arrive, and then the connection breaks. */
  loseAnswers(): void
  keepAnswers(): void
}

export async function startTestProxy(target: string): Promise<TestProxy> {
  const { hostname, port } = new URL(target)
  const requests: Buffer[] = []
  let isFrozen = false
  let losesAnswers = false
  const relay = await startTcpRelay({
    reach: () => connect({ host: hostname, port: Number(port) }),
    pass(client, upstream) {
      if (isFrozen) for (const socket of [client, upstream]) socket.pause()
      client.on('data', (data) => {
        requests.push(data)
        upstream.write(data)
      })
      upstream.on('data', (data) => {
        if (losesAnswers) client.destroy()
        else client.write(data)
      })
    },
  })
  const { cut, stop, restart } = relay
  const sockets = () => [...relay.connections].flat()
  const url = new URL(target)
  url.host = `127.0.0.1:${relay.port}`

  return {
    url: url.href,
    requests,
    freeze() {
      isFrozen = true
      for (const socket of sockets()) socket.pause()
    },
    thaw() {
      isFrozen = false
      for (const socket of sockets()) socket.resume()
    },
    loseAnswers() {
      losesAnswers = true
    },
    keepAnswers() {
      losesAnswers = false
    },
    cut,
    stop,
    restart,
    [Symbol.asyncDispose]: stop,
  }
}
