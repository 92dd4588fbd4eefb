// With a real master and a real replica. That a failover then loses nothing is packages/e2e/src/replicas/failover*.
import { createRedisFolder, freePorts, type RedisFolder, type RedisProgram, startRedisServer } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StoreUnavailableError } from './errors.ts'
import { type Replication, watchReplication } from './redis-replication.ts'

let folder: RedisFolder
let redis: Redis
let masterPort = 0
let replication: Replication
let uncopied = 0

beforeEach(async () => {
  uncopied = 0
  folder = await createRedisFolder()
  masterPort = (await start()).port
  redis = new Redis({ port: masterPort, host: '127.0.0.1', retryStrategy: () => 20 })
  redis.on('error', () => undefined)
  await redis.ping()
  replication = watchReplication(redis, 'mark', () => {
    uncopied += 1
  })
})
afterEach(async () => {
  replication.close()
  redis.disconnect()
  await folder[Symbol.asyncDispose]()
})

const copiedAtOnce = (count: number) => Promise.allSettled(Array.from({ length: count }, () => replication.copied()))

test('a master without a replica is told of, and nobody waits', async () => {
  await replication.copied()
  const started = performance.now()
  await copiedAtOnce(50)
  expect(performance.now() - started).toBeLessThan(1_000)
  expect(uncopied).toBeGreaterThan(0)
})

test('what a replica has is there before it resolves', async () => {
  const { port } = await startReplica()
  const replica = new Redis({ port, host: '127.0.0.1' })
  for (let number = 0; number < 20; number += 1) {
    await redis.set('n', number)
    await replication.copied()
    expect(await replica.get('n')).toBe(`${number}`)
  }
  expect(uncopied).toBe(0)
  replica.disconnect()
})

test('a replica that hangs is waited for once by all, and refuses them; when it is back all is well', async () => {
  const { program } = await startReplica()
  await replication.copied()
  await program.signal('SIGSTOP')
  const started = performance.now()
  const results = await copiedAtOnce(50)
  expect(performance.now() - started).toBeLessThan(1_000)
  for (const result of results) expect(result).toMatchObject({ reason: expect.any(StoreUnavailableError) })
  await program.signal('SIGCONT')
  await expect
    .poll(() =>
      replication.copied().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  expect(uncopied).toBe(0)
})

test('a replica that left a moment ago may be the new master: refused', async () => {
  const { program } = await startReplica()
  await replication.copied()
  await program.signal('SIGKILL')
  await program.exited
  await expect.poll(() => redis.info('replication')).toContain('connected_slaves:0')
  await expect(replication.copied()).rejects.toThrow(StoreUnavailableError)
  expect(uncopied).toBe(0)
})

test('what was written by others before is waited for, too', async () => {
  const { program } = await startReplica()
  await replication.copied()
  await program.signal('SIGSTOP')
  const other = new Redis({ port: masterPort, host: '127.0.0.1' })
  await other.set('theirs', 1)
  await expect(replication.copied()).rejects.toThrow(StoreUnavailableError)
  other.disconnect()
})

async function startReplica() {
  const started = await start('--replicaof', '127.0.0.1', `${masterPort}`)
  // one that has just come says so within a second
  const said = async () => {
    await redis.set('n', 0)
    return redis.info('replication')
  }
  await expect.poll(said, { timeout: 10_000 }).toMatch(/^slave0:.*state=online,offset=[1-9]/m)
  return started
}

async function start(
  ...options: readonly string[]
): Promise<{ readonly port: number; readonly program: RedisProgram }> {
  const [port = 0] = await freePorts(1)
  // without the wait for further replicas a full copy begins at once
  return { port, program: await startRedisServer(folder, port, '--repl-diskless-sync-delay', '0', ...options) }
}
