// With a real master and a real replica. That a failover then loses nothing is packages/e2e/src/replicas/failover*.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { StoreUnavailableError } from './errors.ts'
import { type Replication, watchReplication } from './redis-replication.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-replication-'))
let processes: ChildProcess[] = []
let redis: Redis
let masterPort = 0
let replication: Replication
let uncopied = 0

beforeEach(async () => {
  uncopied = 0
  masterPort = await freePort()
  start(masterPort)
  redis = new Redis({ port: masterPort, host: '127.0.0.1', enableAutoPipelining: true, retryStrategy: () => 20 })
  redis.on('error', () => undefined)
  await redis.ping()
  replication = watchReplication(redis, 'mark', () => {
    uncopied += 1
  })
})
afterEach(async () => {
  replication.close()
  redis.disconnect()
  await Promise.all(processes.map((server) => kill(server)))
  processes = []
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const copiedAtOnce = (count: number) => Promise.allSettled(Array.from({ length: count }, () => replication.copied()))

test('a master without a replica is told of, and nobody waits', async () => {
  await replication.copied()
  const started = performance.now()
  await copiedAtOnce(50)
  expect(performance.now() - started).toBeLessThan(1_000)
  expect(uncopied).toBeGreaterThan(0)
})

test('what a replica has is there before it resolves', async () => {
  const port = await startReplica()
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
  await startReplica()
  await replication.copied()
  processes[1]?.kill('SIGSTOP')
  const started = performance.now()
  const results = await copiedAtOnce(50)
  expect(performance.now() - started).toBeLessThan(1_000)
  for (const result of results) expect(result).toMatchObject({ reason: expect.any(StoreUnavailableError) })
  processes[1]?.kill('SIGCONT')
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
  await startReplica()
  await replication.copied()
  await kill(processes[1] as ChildProcess)
  await expect.poll(() => redis.info('replication')).toContain('connected_slaves:0')
  await expect(replication.copied()).rejects.toThrow(StoreUnavailableError)
  expect(uncopied).toBe(0)
})

test('what was written by others before is waited for, too', async () => {
  await startReplica()
  await replication.copied()
  processes[1]?.kill('SIGSTOP')
  const other = new Redis({ port: masterPort, host: '127.0.0.1' })
  await other.set('theirs', 1)
  await expect(replication.copied()).rejects.toThrow(StoreUnavailableError)
  other.disconnect()
})

async function startReplica(): Promise<number> {
  const port = await freePort()
  start(port, '--replicaof', '127.0.0.1', `${masterPort}`)
  // one that has just come says so within a second
  const said = async () => {
    await redis.set('n', 0)
    return redis.info('replication')
  }
  await expect.poll(said, { timeout: 10_000 }).toMatch(/^slave0:.*state=online,offset=[1-9]/m)
  return port
}

function start(port: number, ...options: readonly string[]): void {
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder]
  // without the wait for further replicas a full copy begins at once
  processes.push(
    spawn('redis-server', [...settings, '--dbfilename', `${port}.rdb`, '--repl-diskless-sync-delay', '0', ...options], {
      stdio: 'ignore',
    }),
  )
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, 'exit')
  server.kill('SIGKILL')
  await ended
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
