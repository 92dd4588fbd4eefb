// For tests: a replica in a process of its own, that says each 20 ms whether it is sure to hold what it claimed.
import { openRedisReplicas } from '../redis.ts'

const [, , connection = '', prefix = '', life = ''] = process.argv
const replicas = openRedisReplicas({ connection, prefix, life: Number(life) })
let lost = 0
replicas.onLost(() => {
  lost += 1
})
for (let tries = 0; tries < 100; tries += 1) {
  try {
    const { holder } = await replicas.claim('a')
    if (holder === replicas.self) break
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const self = replicas.self
setInterval(() => process.stdout.write(`${replicas.isSure() && replicas.self === self} ${lost}\n`), 20)
