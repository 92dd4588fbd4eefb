// The way to one Redis of several, by which all others reach it: it can keep away the rest of Redis, as a partition does,
// and still let the services through.
import { connect, type Socket } from 'node:net'
import { startTcpRelay } from '@gatehouse/testing'

type Peer = 'replica' | 'sentinel'

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
  const peers = new WeakMap<Socket, Peer>()
  const isService = (client: Socket) => !peers.has(client)
  let isCutOff = false
  let delay = 0
  const passes = (client: Socket) => isService(client) || !isCutOff

  const relay = await startTcpRelay({
    reach: () => connect({ host: '127.0.0.1', port: target }),
    pass(client, upstream) {
      client.on('data', (data) => {
        // both say who they are before anything that matters
        if (data.includes('REPLCONF') || data.includes('PSYNC')) peers.set(client, 'replica')
        else if (data.includes('sentinel-')) peers.set(client, 'sentinel')
        if (passes(client)) upstream.write(data)
      })
      upstream.on('data', (data) => {
        if (!passes(client)) return
        if (peers.get(client) === 'replica' && delay > 0) setTimeout(() => client.write(data), delay)
        else client.write(data)
      })
    },
    // nor does an end get through
    passesEnd: passes,
  })

  return {
    port: relay.port,
    cutOff: () => {
      isCutOff = true
    },
    heal: () => {
      isCutOff = false
      relay.cut((client) => !isService(client))
    },
    delayReplicas: (milliseconds) => {
      delay = milliseconds
      relay.cut((client) => peers.get(client) === 'replica')
    },
    [Symbol.asyncDispose]: relay.stop,
  }
}
