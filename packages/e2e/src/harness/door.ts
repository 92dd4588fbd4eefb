// One address for several replicas at the level of TCP, for what streams need of a proxy: nothing is held back, and when
// one side hangs up so does the other. Unlike replicas/switch.ts it sees no requests: a connection stays where it is.
import { connect, type Socket } from 'node:net'
import { startTcpRelay } from '@gatehouse/testing'

export interface Door extends AsyncDisposable {
  /** The number of the replica to which connections lead from now on. Those to others are broken off. */
  readonly lead: (replica: number) => void
  /** Connections that there were to each replica. */
  readonly counts: readonly number[]
}

/** `targets` are the ports of the replicas, all on 127.0.0.1. At first connections lead to the first. */
export async function openDoor(port: number, targets: readonly number[]): Promise<Door> {
  const counts = targets.map(() => 0)
  const leads = new WeakMap<Socket, number>()
  let current = 0
  const relay = await startTcpRelay({
    host: 'localhost',
    port,
    reach: () => connect(targets[current] as number, '127.0.0.1'),
    pass(near, far) {
      counts[current] = (counts[current] ?? 0) + 1
      leads.set(near, current)
      near.pipe(far)
      far.pipe(near)
    },
  })
  return {
    counts,
    lead(replica) {
      current = replica
      relay.cut((near) => leads.get(near) !== replica)
    },
    [Symbol.asyncDispose]: relay.stop,
  }
}
