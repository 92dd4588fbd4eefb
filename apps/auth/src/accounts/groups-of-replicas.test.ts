// Two authorization servers over one Redis: who leaves a group is out of it at both.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeGitHub, startTestRedis } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { openRedisStore } from '../store/redis/store.ts'
import { createSealing } from '../store/sealing.ts'
import { findFreePort, startAuthServer } from '../suites/auth-server.ts'
import { terminal } from '../suites/clients.ts'
import { askAsDevice } from '../suites/flows.ts'

const resource = 'https://mcp.example.com/mcp'

test('who leaves a group is out of it at each replica, whichever asked GitHub', async () => {
  await using github = await createFakeGitHub()
  github.change('mona', { organisations: ['acme'], teams: ['acme/finance'] })
  await using redis = await startTestRedis()
  const admin = new Redis(redis.url)
  const prefix = `auth:test-${randomUUID()}:`
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-groups-'))
  const file = {
    version: 1,
    endpoints: [{ resource, name: 'Tools', groups: ['finance'] }],
    upstreams: { ledger: { command: ['x'] } },
    groups: { finance: ['github-team:acme/finance'] },
  }
  writeFileSync(join(folder, 'gatehouse.yaml'), JSON.stringify(file))
  const issuer = `http://localhost:${await findFreePort()}`
  const sealing = createSealing({ secret: 'the secret of the tests of two replicas' })
  const openStore = () => openRedisStore({ connection: redis.url, prefix, sealing, onTampered: () => undefined })
  try {
    await using stores = new AsyncDisposableStack()
    const [one, two] = [stores.use(openStore()), stores.use(openStore())]
    for (const store of [one, two]) await expect.poll(() => store.ping().then(() => true, String)).toBe(true)
    const start = (store: typeof one) =>
      startAuthServer({
        clients: [{ ...terminal, github_device_flow: true }],
        wrapStore: () => store,
        environment: {
          AUTH_ISSUER: issuer,
          GATEHOUSE_CONFIG: join(folder, 'gatehouse.yaml'),
          AUTH_DEV_LOGIN: 'false',
          AUTH_LIFETIMES: '{"deviceInterval":1}',
          GITHUB_CLIENT_ID: github.clientId,
          GITHUB_URL: github.url,
          GITHUB_API_URL: github.apiUrl,
        },
      })
    await using first = await start(one)
    await using second = await start(two)
    const headers = { host: new URL(issuer).host }
    const device = await askAsDevice(first, { resource }, headers)
    github.decideDevice(device.userCode, 'mona')
    let answer = await device.poll({}, headers)
    expect(answer.status, answer.text).toBe(200)
    const groupsAt = async (server: typeof first) => {
      const { refresh_token: token = '' } = answer.json
      const fields = { grant_type: 'refresh_token', client_id: terminal.client_id, refresh_token: token }
      answer = await server.token(fields, headers)
      expect(answer.status, answer.text).toBe(200)
      return decodeJwt(answer.json.access_token ?? '').groups
    }
    const asked = () => github.requests.filter((path) => path.includes('/teams/')).length
    expect([await groupsAt(first), await groupsAt(second)]).toEqual([['finance'], ['finance']])
    expect(asked(), 'at the sign-in').toBe(1)
    github.change('mona', { teams: [] })
    first.elapse(2_960)
    expect([await groupsAt(first), await groupsAt(second)]).toEqual([['finance'], ['finance']])
    first.elapse(20)
    expect([await groupsAt(second), await groupsAt(first)]).toEqual([undefined, undefined])
    expect(asked(), 'once for both').toBe(2)
  } finally {
    const keys = await admin.keys(`${prefix}*`)
    if (keys.length > 0) await admin.del(keys)
    admin.disconnect()
    rmSync(folder, { recursive: true })
  }
}, 30_000)
