// Clients that are a document, through the whole authorization server and over real TLS.
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { type DocumentHost, openDocumentHost, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../../harness/auth-server.ts'
import { deviceGrant } from '../../../harness/clients.ts'
import { provesSecrecy } from '../../../harness/evidence.ts'
import {
  askAsDevice,
  authorizePath,
  createPkce,
  errorOf,
  logInOnDevice,
  obtainCode,
  refresh,
  refused,
} from '../../../harness/flows.ts'

const trusted = { AUTH_METADATA_HOSTS_PRIVATE: 'localhost' }
const web = 'https://app.example.com/callback'
const local = 'http://localhost:8765/callback'
const claudeCode = {
  client_name: 'Claude Code',
  redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
}

let host: DocumentHost

beforeAll(async () => {
  host = await openDocumentHost()
  setDefaultCACertificates([...getCACertificates('default'), host.certificate])
})
afterAll(() => host[Symbol.asyncDispose]())

async function authorize(server: AuthServer, clientId: string, redirectUri = web) {
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge, { client_id: clientId, redirect_uri: redirectUri }))
  return browser
}

async function reasonOf(server: AuthServer, clientId: string, redirectUri = web): Promise<readonly [number, string]> {
  const { page } = await authorize(server, clientId, redirectUri)
  expect(page.leftTo).toBeUndefined()
  return [page.status, page.text]
}

test('a client that is a document signs a person in, and keeps them signed in, without a registration', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const id = host.publish('/claude-code', claudeCode)
  const changes = { client_id: id, redirect_uri: local }
  const { redeem } = await obtainCode(server, { changes })
  const { status, json } = await redeem()
  expect(status).toBe(200)
  const again = await refresh(server, json.refresh_token, { client_id: id })
  expect([again.status, typeof again.json.refresh_token]).toEqual([200, 'string'])
  expect(host.requests().filter((path) => path === '/claude-code')).toHaveLength(1)
})

verifies(
  'D18',
  'an app whose document cannot be had keeps nobody from seeing and ending what they approved',
  async () => {
    await using server = await startAuthServer({ environment: trusted })
    const app = {
      client_id: host.publish('/hides', { client_name: 'Weather', redirect_uris: [web] }),
      redirect_uri: web,
    }
    await obtainCode(server, { changes: app })
    server.elapse(2 * 86_400)
    const asked = host.requests().length
    const browser = server.openBrowser()
    await browser.open('/apps')
    await browser.logIn()
    expect(host.requests(), 'a visit to the page asks no stranger').toHaveLength(asked)
    for (let count = 0; count < 20; count += 1) await authorize(server, `${host.origin}/uses-up/${count}`)
    await browser.open('/apps')
    expect(browser.page).toMatchObject({ status: 200, heading: 'Connected apps' })
    expect(browser.page.text).toContain('Weather')
    await browser.submit('/apps/disconnect')
    expect(browser.page.text).toContain('Weather is disconnected.')
  },
)

verifies('A14', 'an app that is a document is put to the person each time, no matter who leads them here', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const id = host.publish('/each-time', { client_name: 'Weather', redirect_uris: [web] })
  const browser = await authorize(server, id)
  await browser.logIn()
  for (const site of ['none', 'same-origin', 'cross-site', 'none']) {
    expect((await browser.approve()).leftTo?.searchParams.get('code')).toBeTruthy()
    const again = authorizePath(createPkce().challenge, { client_id: id, redirect_uri: web })
    const page = await browser.open(again, { 'sec-fetch-site': site })
    expect([site, page.heading]).toEqual([site, 'An app wants to use your account'])
  }
})

verifies(
  'C9',
  'the page names the host that vouches for an app, and warns of an answer that stays on this computer',
  async () => {
    await using server = await startAuthServer({ environment: trusted })
    const browser = await authorize(server, host.publish('/famous', claudeCode), local)
    const { text } = await browser.logIn()
    const { host: vouching } = new URL(host.origin)
    for (const fact of [
      'Claude Code',
      `From ${vouching}`,
      `All we know is that it comes from ${vouching}`,
      'You will return to a program on this computer',
      'Did you start this yourself just now?',
      `${vouching} vouches for the app, but any program on this computer could be using its name`,
    ]) {
      expect(text).toContain(fact)
    }
    expect(text).not.toContain('Unverified app')

    const plain = await authorize(server, host.publish('/plain', { client_name: 'Weather', redirect_uris: [web] }))
    const page = await plain.logIn()
    expect(page.text).toContain(`Verified: ${vouching}`)
    expect(page.text).toContain('You will return to app.example.com')
    expect(page.text).not.toContain('Did you start this yourself just now?')
  },
)

verifies('C1', 'an id that is no clean https address gets a page, no redirect, and nothing is fetched', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const before = host.connections()
  for (const id of [
    host.origin.replace('https', 'http'),
    `${host.origin}/`,
    `${host.origin.replace('//', '//user@')}/client`,
    `${host.origin}/client#x`,
    `${host.origin}/a/../client`,
    `${host.origin}/%2e%2e/client`,
    `${host.origin}\\client`,
  ]) {
    const [status, text] = await reasonOf(server, id)
    expect([id, status, text]).toEqual([id, 400, expect.stringContaining('invalid_client')])
    const answer = await server.token({ grant_type: 'refresh_token', refresh_token: 'x', client_id: id })
    expect([id, answer.status, answer.json.error]).toEqual([id, expect.toBeOneOf([400, 401]), 'invalid_client'])
  }
  expect(host.connections()).toBe(before)
})

verifies('C2', 'without leave nothing is asked of a host on this machine', async () => {
  await using server = await startAuthServer()
  const before = host.connections()
  const id = host.publish('/private', claudeCode)
  for (const spelled of [id, id.replace('localhost', '127.0.0.1'), id.replace('localhost', '[::1]')]) {
    const [status, text] = await reasonOf(server, spelled, local)
    expect([spelled, status, text]).toEqual([spelled, 400, expect.stringContaining('not on the public internet')])
  }
  expect(host.connections()).toBe(before)
})

verifies(['C4', 'C5', 'C6'], 'the page says what is wrong with a document, and the person stays here', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const moved = host.answer('/moved', (_request, response) => {
    response.writeHead(302, { location: `${host.origin}/elsewhere` }).end()
  })
  const html = host.answer('/html', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello</p>')
  })
  const cases: readonly (readonly [string, string])[] = [
    [moved, 'answers with HTTP 302'],
    [html, 'the document is not JSON'],
    [`${host.origin}/nothing`, 'answers with HTTP 404'],
    [host.publish('/nameless', { redirect_uris: [web] }), 'client_name'],
    [
      host.publish('/secret', { ...claudeCode, client_secret: 'planted-in-a-document' }),
      'client_secret: must not be in',
    ],
    [host.publish('/method', { ...claudeCode, token_endpoint_auth_method: 'client_secret_post' }), 'must be "none"'],
    [
      host.publish('/other', { ...claudeCode, client_id: `${host.origin}/someone` }),
      'is not the address that it was fetched',
    ],
    // what registered clients are refused for, documents are too
    [host.publish('/script', { ...claudeCode, redirect_uris: ['javascript:alert(1)'] }), 'javascript: is not allowed'],
    [
      host.publish('/plain-http', { ...claudeCode, redirect_uris: ['http://app.example.com/'] }),
      'http is for this computer alone',
    ],
    [host.publish('/scheme', { ...claudeCode, redirect_uris: ['zed://callback'] }), 'the scheme zed: must be'],
    [host.publish('/logo', { ...claudeCode, logo_uri: 'data:image/png;base64,x' }), 'logo_uri must be a web address'],
    [host.publish('/machine', { ...claudeCode, grant_types: ['client_credentials'] }), 'grant_types must name'],
  ]
  for (const [id, why] of cases) {
    const [status, text] = await reasonOf(server, id, local)
    expect([id, status, text]).toEqual([id, 400, expect.stringContaining(why)])
  }
  expect(host.requests()).not.toContain('/elsewhere')
  expect(server.log()).not.toContain('planted-in-a-document')
})

verifies('C8', 'redirects that a document no longer names end with its time, and what is signed in stays', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const old = 'https://old.example.com/callback'
  const id = host.publish('/changing', { client_name: 'App', redirect_uris: [old, web] })
  const { redeem } = await obtainCode(server, { changes: { client_id: id, redirect_uri: old } })
  const { json } = await redeem()
  host.publish('/changing', { client_name: 'App', redirect_uris: [web] })
  server.elapse(301)
  expect((await reasonOf(server, id, old))[0]).toBe(400)
  expect((await authorize(server, id, web)).page.heading).toBe('Sign in')
  expect((await refresh(server, json.refresh_token, { client_id: id })).status).toBe(200)
})

test("a host's outage signs nobody out for a day", async () => {
  await using server = await startAuthServer({ environment: trusted })
  const id = host.publish('/outage', claudeCode)
  const { redeem } = await obtainCode(server, { changes: { client_id: id, redirect_uri: local } })
  let token = (await redeem()).json.refresh_token
  host.answer('/outage', (request) => request.socket.destroy())
  for (let hour = 0; hour < 24; hour += 1) {
    server.elapse(3_590)
    const { status, json, text } = await refresh(server, token, { client_id: id })
    expect([hour, status, text]).toEqual([hour, 200, expect.any(String)])
    token = json.refresh_token
  }
  server.elapse(3_590)
  // the client is not to forget what it has, and the token outlives the outage
  expect(errorOf(await refresh(server, token, { client_id: id }))).toEqual(refused(503, 'temporarily_unavailable'))
  host.publish('/outage', claudeCode)
  server.elapse(61)
  expect((await refresh(server, token, { client_id: id })).status).toBe(200)
})

verifies(
  'C10',
  'an id of eight kilobytes is refused, and a look-alike host is shown in its plain letters',
  async () => {
    await using server = await startAuthServer({ environment: trusted })
    const [status] = await reasonOf(server, `${host.origin}/${'x'.repeat(8_192)}`)
    expect(status).toBe(400)
    // with a Cyrillic "а" and "е": only its ASCII form is an id, and that form is what people see
    expect(await reasonOf(server, 'https://clаudе.ai/client')).toEqual([
      400,
      expect.stringContaining('in its normal form'),
    ])
    const [, text] = await reasonOf(server, 'https://xn--clud-53d8d.ai/client')
    expect(text).not.toMatch(/cl[аa]ud[еe]\.ai/)
  },
)

test('a document may ask for the device flow, and gets it with a life of one day', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const id = host.publish('/device', { ...claudeCode, grant_types: [deviceGrant, 'refresh_token'] })
  const { refresh_token: token } = await logInOnDevice(server, { client_id: id })
  server.elapse(86_400 + 200)
  expect((await refresh(server, token, { client_id: id })).json.error).toBe('invalid_grant')
})

verifies('T20', 'a document gives nobody a token without a person', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const grant_types = ['client_credentials', 'authorization_code']
  const id = host.publish('/greedy', { ...claudeCode, grant_types })
  const answer = await server.token({ grant_type: 'client_credentials', client_id: id })
  expect([answer.status, answer.json.error]).toEqual([400, 'unauthorized_client'])
})

for (const [name, environment, advice] of [
  ['does not answer', trusted, 'Try again in a few minutes, and if it stays so ask the people who run this server.'],
  [
    'is of a host that is not admitted',
    { ...trusted, AUTH_METADATA_HOSTS: 'clients.example.com' },
    'Ask the people who run it to admit localhost',
  ],
] as const)
  test(`a document that ${name} is a passing trouble, with words for the person and for the operator`, async () => {
    await using server = await startAuthServer({ environment })
    const id = host.answer('/silent', (request) => request.socket.destroy())
    const { page } = await authorize(server, id)
    expect(page).toMatchObject({ status: 503, heading: 'We could not read who the app is' })
    expect(page.leftTo).toBeUndefined()
    for (const words of [`in a document at ${new URL(host.origin).host}`, advice]) expect(page.text).toContain(words)
    expect(page.text).not.toContain('remove the connection')
    for (const answer of [
      await server.post('/device_authorization', { client_id: id }),
      await refresh(server, 'x', { client_id: id }),
    ]) {
      expect([answer.status, answer.json.error]).toEqual([503, 'temporarily_unavailable'])
      expect(answer.json.error_description).toContain(new URL(host.origin).host)
    }
    const lines = server.log().split('\n')
    const told = lines.filter((line) => line.includes("a client's metadata document cannot be read"))
    expect(told.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, host: new URL(host.origin).host }])
  })

const metadata = '/.well-known/oauth-authorization-server'

test('AUTH_METADATA_DOCUMENTS=off turns documents off, and registration not', async () => {
  await using server = await startAuthServer({ environment: { ...trusted, AUTH_METADATA_DOCUMENTS: 'off' } })
  const { json } = await server.get(metadata)
  expect(json).not.toHaveProperty('client_id_metadata_document_supported')
  expect(json.registration_endpoint).toBe(`${server.issuer}/register`)
  const before = host.connections()
  const id = host.publish('/off', claudeCode)
  expect(await reasonOf(server, id, local)).toEqual([400, expect.stringContaining('are not read here')])
  expect((await refresh(server, 'x', { client_id: id })).json.error).toBe('invalid_client')
  expect(host.connections()).toBe(before)
  const { json: registered } = await server.register(claudeCode)
  await obtainCode(server, { changes: { client_id: registered.client_id ?? '', redirect_uri: local } })
  expect(server.log()).not.toContain('can ever be read')
})

test('where no document can ever be read the start says so, and none is advertised', async () => {
  for (const [environment, readable] of [
    [{ AUTH_METADATA_HOSTS: 'nobody.invalid' }, false],
    [{ AUTH_METADATA_HOSTS: 'app.example.com', AUTH_METADATA_HOSTS_DENIED: 'example.com' }, false],
    [{ AUTH_METADATA_HOSTS: 'localhost,10.0.0.1,[fd00::1]' }, false],
    [{ AUTH_METADATA_HOSTS: 'localhost', ...trusted }, true],
    [{ AUTH_METADATA_HOSTS: 'nobody.invalid,app.example.com' }, true],
    [{ AUTH_METADATA_HOSTS_DENIED: 'example.com' }, true],
  ] as const) {
    await using server = await startAuthServer({ environment })
    const { json } = await server.get(metadata)
    const isTaken = json.client_id_metadata_document_supported === true
    expect([environment, isTaken]).toEqual([environment, readable])
    const isTold = server.log().includes('no client metadata document can ever be read')
    expect([environment, isTold]).toEqual([environment, !readable])
  }
})

test('the metadata says that documents are taken, and that a client may do without a secret', async () => {
  await using server = await startAuthServer()
  const { json } = await server.get('/.well-known/oauth-authorization-server')
  expect(json.client_id_metadata_document_supported).toBe(true)
  expect(json.token_endpoint_auth_methods_supported).toContain('none')
})

test('a page of the host that a document names its redirects at may redeem its code', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const id = host.publish('/page', { client_name: 'Page', redirect_uris: [web] })
  const { redeem } = await obtainCode(server, { changes: { client_id: id, redirect_uri: web } })
  const { status, headers } = await redeem({}, { origin: 'https://app.example.com' })
  expect([status, headers['access-control-allow-origin']]).toEqual([200, 'https://app.example.com'])
})

test('a device is asked nothing that its document does not allow', async () => {
  await using server = await startAuthServer({ environment: trusted })
  const id = host.publish('/no-device', claudeCode)
  const answer = await server.post('/device_authorization', { client_id: id })
  expect([answer.status, answer.json.error]).toEqual([400, 'unauthorized_client'])
  await expect(askAsDevice(server, { client_id: id })).rejects.toThrow()
})

provesSecrecy()
