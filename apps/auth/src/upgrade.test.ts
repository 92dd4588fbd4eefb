// The next release goes on with the data of the one before: nobody signs in again, and what lived for ever gets an end.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createFakeGitHub, type FakeGitHub, openTestRedis, verifies } from '@gatehouse/testing'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  type AuthServer,
  type AuthServerOptions,
  createDataDir,
  startAuthServer,
  testSecret,
} from './harness/auth-server.ts'
import type { Browser } from './harness/browser.ts'
import { errorOf, refused } from './harness/flows.ts'
import { type Left, restoreRedis, restoreSqlite } from './harness/kept-release.ts'
import { untilAnswers } from './store/redis/harness/harness.ts'
import { openRedisStore } from './store/redis/store.ts'
import { createSealing } from './store/sealing.ts'
import { openSqliteStore } from './store/sqlite/store.ts'

const day = 86_400_000
const sealing = createSealing({ secret: testSecret })

let github: FakeGitHub
beforeEach(async () => {
  github = await createFakeGitHub()
})
afterEach(() => github[Symbol.asyncDispose]())

const start = (more: AuthServerOptions) =>
  startAuthServer({
    ...more,
    environment: {
      AUTH_DEV_LOGIN: 'false',
      ALLOWED_GITHUB_ORGS: 'acme',
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_CLIENT_SECRET: github.clientSecret,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
    },
  })

/** A minute after the other release ended. */
function goBackTo(left: Left): void {
  vi.useFakeTimers({ toFake: ['Date'], now: left.at + 60_000 })
}

async function signIn(browser: Browser, login: string): Promise<void> {
  const href = /href="(\/interaction\/[^"]+\/login\/github)"/.exec(browser.page.html)?.[1]
  const { leftTo } = await browser.open(href ?? '/no-github-button')
  if (!leftTo) throw new Error('the browser was not sent to GitHub')
  const fields = ['redirect_uri', 'state', 'code_challenge', 'scope'].map((name): [string, string] => [
    name,
    leftTo.searchParams.get(name) ?? '',
  ])
  const body = new URLSearchParams([...fields, ['login', login]])
  const answer = await fetch(leftTo.origin + leftTo.pathname, { method: 'POST', body, redirect: 'manual' })
  await browser.open(answer.headers.get('location') ?? '', { 'sec-fetch-site': 'cross-site' })
}

async function goesOn(server: AuthServer, left: Left): Promise<void> {
  const { clientId: client_id } = left
  const renew = (refresh_token: string) => server.token({ grant_type: 'refresh_token', client_id, refresh_token })
  const renewed = await renew(left.refreshToken)
  expect(renewed.status, renewed.text).toBe(200)
  expect(await server.store.records.find('Account', left.subject)).toMatchObject({
    payload: { subject: left.subject, facts: { upstreamToken: left.upstreamToken } },
  })
  const browser = server.openBrowser()
  await browser.enterCode(left.userCode)
  await signIn(browser, 'mona')
  expect((await browser.approve()).heading).toBe('You are signed in on your device')
  const redeemed = await server.token({
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    client_id,
    device_code: left.deviceCode,
  })
  expect(redeemed.status, redeemed.text).toBe(200)
  await browser.open('/apps')
  expect(browser.page.text).toContain('App of the release before')
  expect(errorOf(await renew(left.usedRefreshToken)), 'what was used stays used').toEqual(refused(400, 'invalid_grant'))
}

describe('SQLite', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = createDataDir()
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  verifies('X30', 'people, apps and devices go on where they were', async () => {
    const left = restoreSqlite(dataDir)
    goBackTo(left)
    await using server = await start({ dataDir })
    await goesOn(server, left)
  })

  test('a person who left is gone after the end of their account, the token of GitHub too', async () => {
    const left = restoreSqlite(dataDir)
    goBackTo(left)
    const server = await start({ dataDir })
    await expect.poll(() => server.store.records.find('Account', left.subject)).toBeDefined()
    server.elapse((92 * day) / 1000)
    expect(await server.store.records.find('Account', left.subject)).toBeUndefined()
    expect(await server.store.documents.get(`account:${left.subject}`)).toBeUndefined()
    // a write sweeps
    for (let n = 0; n < 3; n += 1) await server.store.records.put('Session', 'somebody else', {}, day)
    await server[Symbol.asyncDispose]()
    const db = new DatabaseSync(join(dataDir, 'auth.sqlite'))
    const models = db.prepare('SELECT DISTINCT model FROM records ORDER BY model').all()
    expect(models.map(({ model }) => model)).toEqual(['Session'])
    const key = sealing.hashKey('document', `account:${left.subject}`)
    expect(db.prepare('SELECT name FROM documents WHERE name = ?').all(key)).toEqual([])
    db.close()
  })

  test('data of a newer release is left alone, and what to do is said', async () => {
    const left = restoreSqlite(dataDir)
    goBackTo(left)
    const path = join(dataDir, 'auth.sqlite')
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(() => openSqliteStore({ path, sealing, clock: Date.now })).toThrow(
      /schema 99; this release knows \d+\. Run a newer one/,
    )
  })
})

describe('Redis', () => {
  async function withRedis(
    run: (
      store: (prefix?: string) => Promise<ReturnType<typeof openRedisStore>>,
      left: Left,
      keys: () => Promise<string[]>,
      node: Redis,
      prefix: string,
    ) => Promise<void>,
  ) {
    const realStart = Date.now()
    await using redis = await openTestRedis('auth')
    const [node] = redis.nodes
    const prefix = redis.newPrefix()
    const left = await restoreRedis(node, prefix)
    goBackTo(left)
    const offset = Date.now() - realStart
    // the clock of the test is that of Redis, so far as scripts ask for it
    const clockOffset = () => offset
    const open = () => untilAnswers(openRedisStore({ connection: redis.connection, prefix, sealing, clockOffset }))
    const keys = () => redis.onEachKey(prefix, async (_, key) => key.slice(prefix.length))
    await run(open, left, keys, node, prefix)
  }

  verifies('X30', 'people, apps and devices go on where they were', () =>
    withRedis(async (open, left) => {
      const store = await open()
      await using server = await start({ wrapStore: () => store })
      await goesOn(server, left)
      await store.close()
    }),
  )

  test('an account gets an end, and so does the document that replicas of the release before read', () =>
    withRedis(async (open, left, keys, node, prefix) => {
      const store = await open()
      await using _server = await start({ wrapStore: () => store })
      const account = `Account:${sealing.hashKey('Account', left.subject)}`
      const document = `document:${sealing.hashKey('document', `account:${left.subject}`)}`
      await expect.poll(keys).toContain(account)
      const lives = async () => Promise.all([account, document].map((key) => node.pttl(prefix + key)))
      await expect.poll(async () => (await lives()).every((life) => life > 89 * day && life < 92 * day)).toBe(true)
      const endless = await Promise.all(
        (await keys()).map(async (key) => [key, await node.pttl(prefix + key)] as const),
      )
      const forEver = endless.filter(([, life]) => life === -1).map(([key]) => key.split(':')[0])
      expect(forEver.sort()).toEqual(['document', 'document', 'schema'])
      await store.close()
    }))

  test('data of a newer release is left alone, and what to do is said', () =>
    withRedis(async (_open, left, _keys, node, prefix) => {
      await node.set(`${prefix}schema`, '99')
      const { host, port } = node.options
      const store = openRedisStore({ connection: `redis://${host}:${port}`, prefix, sealing })
      const message = /of a newer release.* Run a newer one/
      await expect
        .poll(() => store.ping().catch((error: Error) => String(error.cause)), { timeout: 5_000 })
        .toMatch(message)
      await expect(store.documents.endWithin(`account:${left.subject}`, 0)).rejects.toThrow()
      await store.close()
    }))
})
