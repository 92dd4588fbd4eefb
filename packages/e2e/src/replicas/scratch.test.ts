import { test } from 'vitest'
import { startCluster } from './cluster.ts'
import { createPerson } from './person.ts'
import { authorizationRequest } from './wire.ts'

test('x', async () => {
  await using cluster = await startCluster({ auth: 1, mcp: 1 })
  await cluster.redis.kill()
  const p = createPerson(cluster)
  const page = await p.open(`${cluster.issuer}/device`)
  console.log(page.status, [...page.headers], page.text)
  const page2 = await p.open(authorizationRequest(cluster).url)
  console.log(page2.status, [...page2.headers], page2.text, page2.leftTo?.href)
  console.log(cluster.auth.replicas[0]?.logs().split('\n').slice(-12).join('\n'))
})
