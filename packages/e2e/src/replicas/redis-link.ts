// The way to one Redis of several, by which all others reach it: it can keep away the rest of Redis, as a partition does,
// and still let the services through.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

type Peer = 'replica' | 'sentinel' | 'service'

export interface RedisLink extends AsyncDisposable {
  readonly port: number
  /** From now on nothing of replicas and Sentinels passes, in either direction; their connections stay open. */
  readonly cutOff: () => void
  /** Their connections break, and new ones are fine. */
  readonly heal: () => void
  /** Milliseconds by which what the master tells its replicas is late. Their connections begin again. */
  readonly delayReplicas: (milliseconds: number) => void
}

export async function startRedisLink(target: number): Promise<RedisLink> {
  const links = new Map<Socket, { readonly upstream: Socket; peer: Peer }>()
  let isCutOff = false
  let delay = 0

  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: target })
    const link = { upstream, peer: 'service' as Peer }
    links.set(client, link)
    const passes = () => link.peer === 'service' || !isCutOff
    client.on('data', (data) => {
      // both say who they are before anything that matters
      if (data.includes('REPLCONF') || data.includes('PSYNC')) link.peer = 'replica'
      else if (data.includes('sentinel-')) link.peer = 'sentinel'
      if (passes()) upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (!passes()) return
      if (link.peer === 'replica' && delay > 0) setTimeout(() => client.write(data), delay)
      else client.write(data)
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        // nor does an end get through
        if (!passes()) return
        links.delete(client)
        other.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const breakOff = (isMeant: (peer: Peer) => boolean) => {
    for (const [client, { upstream, peer }] of links) {
      if (!isMeant(peer)) continue
      client.destroy()
      upstream.destroy()
      links.delete(client)
    }
  }

  return {
    port: (server.address() as AddressInfo).port,
    cutOff: () => {
      isCutOff = true
    },
    heal: () => {
      isCutOff = false
      breakOff((peer) => peer !== 'service')
    },
    delayReplicas: (milliseconds) => {
      delay = milliseconds
      breakOff((peer) => peer === 'replica')
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      breakOff(() => true)
      await closed
    },
  }
}
