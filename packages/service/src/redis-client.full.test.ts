import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createRedisFolder, type RedisFolder } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'

const sentinelPort = randomInt(12_000, 32_000)
// port 1: nobody listens there
const nobody = { host: '127.0.0.1', port: 1 }
const access = { tls: false, username: undefined, password: undefined }

let folder: RedisFolder

/** One that is there, of a master that is not. */
beforeAll(async () => {
  folder = await createRedisFolder()
  await folder.start(
    ['--sentinel'],
    `port ${sentinelPort}\nbind 127.0.0.1\nsentinel monitor mymaster ${nobody.host} ${nobody.port} 1\n`,
  )
  const asker = new Redis({ port: sentinelPort, host: '127.0.0.1', retryStrategy: () => 50 })
  asker.on('error', () => undefined)
  await asker.ping()
  asker.disconnect()
  await wait(100)
}, 20_000)
afterAll(() => folder?.[Symbol.asyncDispose]())

/** A process that connects, waits for a moment, and closes: nothing of the connection may keep it alive. */
function connectAndClose(connection: object) {
  const script = `
    import { openRedisConnection } from ${JSON.stringify(join(import.meta.dirname, 'redis-connection.ts'))}
    const redis = openRedisConnection({ connection: ${JSON.stringify(connection)} }, {})
    setTimeout(() => redis.close(), 1_000)`
  return spawn(process.execPath, ['--conditions=gatehouse-source', '--input-type=module', '--eval', script], {
    stdio: 'ignore',
    timeout: 15_000,
  })
}

test.each([
  { kind: 'single', url: 'redis://127.0.0.1:1' },
  {
    kind: 'sentinel',
    sentinels: [{ host: '127.0.0.1', port: sentinelPort }],
    master: 'mymaster',
    database: 0,
    ...access,
  },
  { kind: 'cluster', nodes: [nobody], ...access },
])('a process whose Redis never was there ends when it closes: $kind', { timeout: 20_000 }, async (connection) => {
  const [code, signal] = await once(connectAndClose(connection), 'exit')
  expect([code, signal]).toEqual([0, null])
})
