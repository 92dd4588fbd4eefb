// How much strangers can make us keep by registering, and for how long.
import { openSlowConnections, openTestRedis, verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { authorizePath, createPkce, errorOf, obtainCode, refused } from '../harness/flows.ts'
import { untilAnswers } from '../store/redis/harness/harness.ts'
import { openRedisStore } from '../store/redis/store.ts'
import { createSealing } from '../store/sealing.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import { createRequestLimits } from './request-limits.ts'

const web = 'https://app.example.com/callback'
const app = (name: unknown) => ({
  client_name: `App ${name}`,
  redirect_uris: [web],
  token_endpoint_auth_method: 'none',
})
const from = (address: string) => ({ 'x-forwarded-for': address })
const behindProxy = { environment: { TRUST_PROXY: '127.0.0.1' } }

verifies('R10', 'an address that registers a hundred clients in an hour is told when to come back', async () => {
  await using server = await startAuthServer(behindProxy)
  for (let time = 0; time < 100; time += 1)
    expect((await server.register(app(time), from('203.0.113.7'))).status).toBe(201)
  const refusal = await server.register(app(100), from('203.0.113.7'))
  expect(errorOf(refusal)).toEqual(refused(429, 'too_many_requests'))
  expect(Number(refusal.headers['retry-after'])).toBeOneOf(Array.from({ length: 3_600 }, (_, index) => index + 1))
  expect(refusal.headers['access-control-allow-origin']).toBe('*')
  expect(refusal.json.error_description).toMatch(/ Try again in \d+ seconds\.$/)
  // the same network counts as one, another address is served
  expect((await server.register(app(101), from('203.0.113.8'))).status).toBe(201)
  server.elapse(3_601)
  expect((await server.register(app(102), from('203.0.113.7'))).status).toBe(201)
})

verifies(
  'R10',
  'of ten thousand registrations from ten thousand addresses, by programs and pages, two thousand an hour are taken',
  async () => {
    let now = Date.UTC(2026, 11, 1)
    const clock = () => now
    const sealing = createSealing({ secret: 'the secret of the tests of registration' })
    await using store = openSqliteStore({ path: ':memory:', sealing, clock, onTampered: () => undefined })
    const limits = createRequestLimits(store.attempts, { now: clock, onBlocked: () => undefined })
    let taken = 0
    for (let time = 0; time < 10_000; time += 1) {
      const { allowed, retryAfter } = await limits.take(
        time % 2 === 0 ? 'registration' : 'registration_by_page',
        `203.${time >> 16}.${(time >> 8) & 255}.${time & 255}`,
      )
      if (allowed) taken += 1
      else expect(retryAfter).toBeGreaterThan(0)
    }
    expect(taken).toBe(2_000)
    now += 3_601_000
    expect((await limits.take('registration', '203.0.113.7')).allowed).toBe(true)
  },
  60_000,
)

verifies('R10', 'a client that never came back is forgotten after a day, one that did after three months', async () => {
  await using server = await startAuthServer()
  const [used, unused] = [(await server.register(app('used'))).json, (await server.register(app('unused'))).json]
  const isKnown = async (clientId: string | undefined) => {
    const path = authorizePath(createPkce().challenge, { client_id: clientId, redirect_uri: web })
    return (await server.openBrowser().open(path)).heading === 'Sign in'
  }
  server.elapse(86_400 - 10)
  expect([await isKnown(used.client_id), await isKnown(unused.client_id)]).toEqual([true, true])
  await obtainCode(server, { changes: { client_id: used.client_id ?? '', redirect_uri: web } })
  server.elapse(11)
  expect([await isKnown(used.client_id), await isKnown(unused.client_id)], 'to be asked for is no use').toEqual([
    true,
    false,
  ])
  // from then on, every use starts its life again
  for (let month = 0; month < 6; month += 1) {
    server.elapse(80 * 86_400)
    expect([month, await isKnown(used.client_id)]).toEqual([month, true])
  }
  server.elapse(91 * 86_400)
  expect(await isKnown(used.client_id)).toBe(false)
})

verifies('R10', 'a registration of more than four kilobytes is refused, so that what is kept is bounded', async () => {
  await using server = await startAuthServer()
  const long = (length: number) => ({ ...app('long'), client_uri: `https://app.example.com/${'x'.repeat(length)}` })
  expect((await server.register({ ...long(1_900), policy_uri: long(1_500).client_uri })).status).toBe(201)
  for (const metadata of [
    { ...long(1_900), policy_uri: long(1_900).client_uri, tos_uri: long(1_900).client_uri },
    { ...app('contacts'), contacts: Array.from({ length: 500 }, (_, index) => `${index}@app.example.com`) },
    {
      ...app('redirects'),
      redirect_uris: Array.from({ length: 32 }, (_, index) => `${web}/${index}/${'x'.repeat(200)}`),
    },
  ]) {
    const refusal = await server.register(metadata)
    expect([refusal.status, refusal.json]).toEqual([
      400,
      { error: 'invalid_client_metadata', error_description: 'the metadata has more than 4096 characters' },
    ])
  }
  // what we do not know is not kept
  const { status, text } = await server.register({ ...app('unknown'), mine: 'x'.repeat(20_000) })
  expect([status, text.length < 1_000]).toEqual([201, true])
})

verifies(
  'R10',
  'in Redis every registered client has an end, and a size that a day of floods cannot grow past',
  async () => {
    await using redis = await openTestRedis('auth')
    const { connection, newPrefix, onEachKey } = redis
    const prefix = newPrefix()
    const sealing = createSealing({ secret: 'the secret of the tests of registration' })
    await using store = await untilAnswers(openRedisStore({ connection, prefix, sealing, onTampered: () => undefined }))
    await using server = await startAuthServer({ wrapStore: () => store })
    const before = new Set(await onEachKey(prefix, async (_, key) => key))
    const filler = `https://app.example.com/${'x'.repeat(1_700)}`
    for (let time = 0; time < 100; time += 1) {
      const { status } = await server.register({ ...app(time), client_uri: filler, policy_uri: filler })
      expect(status).toBe(201)
    }
    const made = (await onEachKey(prefix, async (_, key) => key)).filter((key) => !before.has(key))
    const lives = await Promise.all(made.map((key) => redis.nodes[0].pttl(key)))
    expect(lives.filter((life) => life <= 0 || life > (86_400 + 120) * 1000)).toEqual([])
    const sizes = await Promise.all(made.map((key) => redis.nodes[0].memory('USAGE', key)))
    const most = Math.max(...sizes.map(Number))
    // two thousand an hour, each for a day: some 300 MB at the very worst
    expect(most * 2_000 * 24).toBeLessThan(400 * 1024 * 1024)
    expect(made.length).toBeLessThan(110)
  },
  30_000,
)

verifies(
  ['N8', 'R10'],
  'an app that registers the same at every start is one client, and uses up no budget',
  async () => {
    await using server = await startAuthServer(behindProxy)
    const { json: first } = await server.register(app('everywhere'), from('203.0.113.7'))
    for (let time = 0; time < 150; time += 1) {
      const { status, json } = await server.register(app('everywhere'), from('203.0.113.7'))
      expect([status, json.client_id]).toEqual([201, first.client_id])
    }
    expect((await server.register(app('another'), from('203.0.113.7'))).status).toBe(201)
  },
)

test('a registration that is refused uses up no budget', async () => {
  await using server = await startAuthServer(behindProxy)
  for (let time = 0; time < 110; time += 1) {
    const { status } = await server.register(
      { ...app(time), redirect_uris: ['http://app.example.com/'] },
      from('203.0.113.7'),
    )
    expect(status).toBe(400)
  }
  expect((await server.register(app('good'), from('203.0.113.7'))).status).toBe(201)
})

test('a registration whose body is still on its way holds no place in a budget, and garbage takes none', async () => {
  await using server = await startAuthServer()
  const head = `POST /register HTTP/1.1\r\nHost: localhost:${server.port}\r\nContent-Type: application/json`
  using slow = await openSlowConnections(server.port, {
    count: 120,
    start: `${head}\r\nContent-Length: 1000\r\n\r\n{`,
  })
  expect((await server.register(app('quick'))).status).toBe(201)
  expect(slow.open()).toBe(120)
  const json = { 'content-type': 'application/json', origin: 'https://inspector.example' }
  for (const [body, statuses] of [
    ['{', [400]],
    ['', [400]],
    ['"text"', [400]],
    [`{"x":"${'x'.repeat(57 * 1024)}"}`, [413]],
  ] as const) {
    const answers = await Promise.all(Array.from({ length: 110 }, () => server.post('/register', body, json)))
    for (const answer of answers) {
      expect([body.slice(0, 9), answer.status]).toEqual([body.slice(0, 9), expect.toBeOneOf([...statuses, 429])])
      expect([answer.headers['access-control-allow-origin'], answer.headers['cache-control']]).toEqual([
        '*',
        'no-store',
      ])
    }
    expect((await server.register(app(body.length))).status).toBe(201)
  }
})

test('asking again does not make an unused client live on as a used one', async () => {
  await using server = await startAuthServer()
  for (let day = 0; day < 3; day += 1) {
    await server.register(app('again'))
    server.elapse(80_000)
  }
  const { json } = await server.register(app('again'))
  server.elapse(86_401)
  const path = authorizePath(createPkce().challenge, { client_id: json.client_id, redirect_uri: web })
  expect((await server.openBrowser().open(path)).status).toBe(400)
})

provesSecrecy()
