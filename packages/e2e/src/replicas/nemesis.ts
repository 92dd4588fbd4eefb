// Who breaks things while others work: kills replicas and Redis, stops Redis, cuts connections, slows them down.
import { setTimeout as wait } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'

/** Milliseconds between two deeds. */
const quiet = { least: 500, most: 1_500 }

/** Does one after the other until it is over. Returns what was done. */
export async function rage({ auth, redis, proxies }: Cluster, isOver: () => boolean): Promise<readonly string[]> {
  const deeds: Readonly<Record<string, () => Promise<void>>> = {
    'a replica is killed': async () => {
      const victim = auth.replicas[Math.floor(Math.random() * auth.replicas.length)]
      await victim?.kill()
      await wait(300)
      await victim?.start({ untilReady: false })
    },
    'Redis is killed': async () => {
      await redis.kill()
      await wait(500)
      await redis.start()
    },
    'Redis hangs': async () => {
      await redis.hang()
      await wait(1_500)
      await redis.resume()
    },
    'connections break': async () => {
      for (const proxy of proxies) proxy.cut()
    },
    'Redis is slow': async () => {
      for (const proxy of proxies) proxy.delay = 100
      await wait(1_000)
      for (const proxy of proxies) proxy.delay = 0
    },
  }
  const done: string[] = []
  while (!isOver()) {
    for (const [name, act] of Object.entries(deeds)) {
      await wait(quiet.least + Math.random() * (quiet.most - quiet.least))
      if (isOver()) break
      await act()
      done.push(name)
    }
  }
  return done
}
