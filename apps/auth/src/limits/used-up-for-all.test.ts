// What a stranger can use up for others: nothing of a network that did nothing. Each test is an attack over the wire, and
// the people who are served all the same.
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { openDocumentHost, verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import { basic, deviceGrant, robot, terminal } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, authorizePath, createPkce } from '../harness/flows.ts'

const behindProxy = { environment: { TRUST_PROXY: '127.0.0.1' } }
const from = (address: string) => ({ 'x-forwarded-for': address })
const victim = from('203.0.113.7')
const page = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'empty' }
const cors = { ...page, 'sec-fetch-mode': 'cors' }
const web = 'https://app.example.com/callback'
const app = (name: unknown) => ({
  client_name: `App ${name}`,
  redirect_uris: [web],
  token_endpoint_auth_method: 'none',
})
const authorize = () => authorizePath(createPkce().challenge)

/** How often each status came. */
async function flood(times: number, send: (time: number) => Promise<{ readonly status: number }>) {
  const seen = new Map<number, number>()
  for (let time = 0; time < times; time += 1) {
    const { status } = await send(time)
    seen.set(status, (seen.get(status) ?? 0) + 1)
  }
  return Object.fromEntries(seen)
}

const ask = (server: AuthServer, headers: Readonly<Record<string, string>>) =>
  server.post('/device_authorization', { client_id: terminal.client_id }, headers)

verifies(
  'N13',
  'images, scripts, frames, fetches and prefetches of pages open no request, set no cookie and use up nothing',
  async () => {
    await using server = await startAuthServer(behindProxy)
    const parts = [
      { 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' },
      { 'sec-fetch-dest': 'script', 'sec-fetch-mode': 'no-cors' },
      { 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' },
      { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' },
      { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', 'sec-purpose': 'prefetch;prerender' },
    ]
    for (const path of [authorize(), '/device', '/apps'])
      for (const part of parts) {
        const answer = await server.get(path, { ...victim, ...part, 'sec-fetch-site': 'cross-site', accept: '*/*' })
        expect([path.slice(0, 10), part, answer.status, answer.headers['set-cookie']]).toEqual([
          path.slice(0, 10),
          part,
          400,
          undefined,
        ])
      }
    const image = { ...victim, ...parts[0], accept: 'image/avif,*/*;q=0.8' }
    expect(await flood(310, () => server.get(authorize(), image))).toEqual({ 400: 310 })
    const window = { ...victim, 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', accept: 'text/html' }
    for (const path of [authorize(), '/device', '/apps'])
      expect((await server.get(path, window)).status).toBeLessThan(400)
  },
)

test('an app that asks in a frame whether somebody is signed in is answered, out of a budget of its own', async () => {
  await using server = await startAuthServer(behindProxy)
  const frame = { ...victim, 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate', accept: 'text/html' }
  const silent = () => server.get(authorizePath(createPkce().challenge, { prompt: 'none' }), frame)
  expect((await silent()).headers.location).toContain('error=login_required')
  expect(await flood(300, silent)).toEqual({ 303: 299, 429: 1 })
  expect((await server.get(authorize(), { ...victim, accept: 'text/html' })).status).toBe(303)
})

verifies(['R10', 'N13'], 'registrations by pages of other sites have a budget of their own', async () => {
  await using server = await startAuthServer(behindProxy)
  expect(await flood(100, (time) => server.register(app(time), { ...victim, ...cors }))).toEqual({ 201: 10, 429: 90 })
  expect((await server.register(app('their program'), victim)).status, 'of the one who opened the page').toBe(201)
  // twenty visitors
  await flood(20, async (visitor) => {
    await flood(11, (time) => server.register(app(`${visitor}-${time}`), { ...from(`198.51.100.${visitor}`), ...cors }))
    return { status: 0 }
  })
  const inspector = { ...cors, origin: 'https://inspector.example' }
  const honest = await server.register(app('inspector'), { ...from('192.0.2.1'), ...inspector })
  expect([honest.status, honest.headers['access-control-allow-origin']]).toEqual([201, '*'])
  expect((await server.register(app('a program'), from('192.0.2.2'))).status).toBe(201)
})

verifies(['D23', 'N13'], 'device requests by pages of other sites have a budget of their own', async () => {
  await using server = await startAuthServer(behindProxy)
  // what the engine lets a page ask for is what was registered with an address of that page
  const grants = { grant_types: [deviceGrant, 'authorization_code'] }
  const { json } = await server.register({ ...app('evil'), ...grants, redirect_uris: ['https://evil.example/cb'] })
  const byPage = () => server.post('/device_authorization', { client_id: json.client_id ?? '' }, { ...victim, ...cors })
  expect(await flood(125, byPage)).toEqual({ 200: 10, 429: 115 })
  for (const mode of ['no-cors', 'navigate'])
    expect((await ask(server, { ...from('192.0.2.9'), ...page, 'sec-fetch-mode': mode })).status).toBe(400)
  expect((await ask(server, victim)).status).toBe(200)
})

test('an app whose fetch sends a mode that it did not choose, as those on Electron do, is no page', async () => {
  await using server = await startAuthServer(behindProxy)
  const electron = { ...victim, 'sec-fetch-mode': 'no-cors', 'sec-fetch-site': 'none', 'sec-fetch-dest': 'empty' }
  const { status, json } = await server.register(app('Studio'), electron)
  expect(status).toBe(201)
  const redemption = { grant_type: 'authorization_code', code: 'x', redirect_uri: web, code_verifier: 'x'.repeat(43) }
  expect((await server.post('/token', { client_id: json.client_id ?? '', ...redemption }, electron)).json.error).toBe(
    'invalid_grant',
  )
  expect((await ask(server, electron)).status).toBe(200)
  // a page cannot do without the header
  expect((await server.register(app('evil'), { ...electron, origin: 'null' })).status).toBe(400)
})

test('a page that guesses a secret in the browsers of others learns nothing, and harms no network', async () => {
  await using server = await startAuthServer(behindProxy)
  const guess = (headers: Readonly<Record<string, string>>, secret: string) =>
    server.token({ grant_type: 'client_credentials' }, { ...basic({ ...robot, client_secret: secret }), ...headers })
  expect(await flood(25, (time) => guess({ ...victim, ...cors }, `wrong ${time}`))).toEqual({ 400: 25 })
  expect((await guess({ ...victim, ...cors }, robot.client_secret)).status).toBe(400)
  expect((await guess(victim, robot.client_secret)).status).toBe(200)
})

verifies(
  ['R10', 'N13'],
  'networks that use up what there is for all leave their first registrations to the others',
  async () => {
    await using server = await startAuthServer(behindProxy)
    // as many as it takes, five of which are tried out over the wire
    for (let time = 0; time < 390; time += 1) await server.store.attempts.take('registration:shared', 400, 3_600_000)
    for (let attacker = 0; attacker < 5; attacker += 1)
      await flood(5, (time) => server.register(app(`${attacker}-${time}`), from(`198.51.100.${attacker}`)))
    expect((await server.register(app('one more'), from('198.51.100.1'))).status).toBe(429)
    for (let honest = 0; honest < 20; honest += 1)
      expect((await server.register(app(`honest ${honest}`), from(`192.0.2.${honest}`))).status).toBe(201)
  },
)

verifies(['D11', 'N13'], 'the networks of one IPv6 site guess as one', async () => {
  await using server = await startAuthServer(behindProxy)
  const guesses: number[] = []
  for (let network = 0; network < 11; network += 1) {
    const browser = server.openBrowser({ headers: from(`2001:db8:1:${network}::1`) })
    for (let code = 0; code < 5; code += 1) guesses.push((await browser.enterCode('BBBB-BBBB')).status)
  }
  expect(guesses).toEqual([...Array.from({ length: 30 }, () => 400), ...Array.from({ length: 25 }, () => 429)])
  const { userCode } = await askAsDevice(server)
  const honest = server.openBrowser({ headers: from('2001:db8:2::1') })
  expect((await honest.enterCode(userCode)).heading).toBe('Sign in to connect a device')
})

verifies(['D11', 'N13'], 'guesses of many networks are bounded in all, and leave everybody else a few', async () => {
  await using server = await startAuthServer(behindProxy)
  for (let taken = 0; taken < 299; taken += 1) await server.store.attempts.take('user_code:shared', 300, 600_000)
  const guess = async (address: string, code = 'BBBB-BBBB') =>
    (await server.openBrowser({ headers: from(address) }).enterCode(code)).status
  // three of its own, one that was left for all
  const attacker: number[] = []
  for (let time = 0; time < 5; time += 1) attacker.push(await guess('198.51.100.1'))
  expect(attacker).toEqual([400, 400, 400, 400, 429])
  const { userCode } = await askAsDevice(server)
  expect([await guess('192.0.2.1'), await guess('192.0.2.1', userCode)]).toEqual([400, 200])
  const page = await server.openBrowser({ headers: from('198.51.100.1') }).enterCode(userCode)
  expect([page.status, page.headers['retry-after']]).toEqual([429, '600'])
})

verifies(['C7', 'N13'], 'ids that name nothing at a host keep nobody else from the clients of that host', async () => {
  await using host = await openDocumentHost()
  setDefaultCACertificates([...getCACertificates('default'), host.certificate])
  await using server = await startAuthServer({
    environment: { ...behindProxy.environment, AUTH_METADATA_HOSTS_PRIVATE: 'localhost' },
  })
  const open = (id: string, address: string) =>
    server.get(authorizePath(createPkce().challenge, { client_id: id, redirect_uri: web }), {
      ...from(address),
      accept: 'text/html',
    })
  for (let attacker = 0; attacker < 5; attacker += 1)
    await flood(20, (time) => open(`${host.origin}/random-${attacker}-${time}`, `198.51.100.${attacker}`))
  // twenty for all, two more for each of the five
  expect(host.requests()).toHaveLength(30)
  for (let honest = 0; honest < 3; honest += 1) {
    const id = host.publish(`/app-${honest}`, { client_name: 'Weather', redirect_uris: [web] })
    expect((await open(id, `192.0.2.${honest}`)).status).toBe(303)
  }
  // nor one network its own people for longer than a minute
  server.elapse(61)
  expect((await open(`${host.origin}/app-1`, '198.51.100.1')).status).toBe(303)
})

provesSecrecy()
