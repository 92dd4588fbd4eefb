// One authorization server, three resources: two MCP servers and the guarded server of examples/guard, each with scopes of
// its own. Their tokens are no use at each other; anyone who mistypes an address is told the right one.
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createPerson,
  freePorts,
  promptOf,
  type RunningProcess,
  repository,
  type Stack,
  startProcess,
  startStack,
  until,
} from '@gatehouse/testing'
import * as modern from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { createMemoryProvider } from '../harness/memory-provider.ts'

const callback = 'http://127.0.0.1:7777/callback'
const info = { name: 'e2e', version: '1.0.0' }
const modernOptions = { versionNegotiation: { mode: 'auto' } } as const

let auth: Stack
let folder: string
const servers: RunningProcess[] = []
/** The two MCP servers and the one that is not one. */
let first: string
let second: string
let things: string

beforeAll(async () => {
  const ports = await freePorts(3)
  ;[first = '', second = '', things = ''] = ['mcp', 'team/mcp', 'things'].map(
    (path, at) => `http://localhost:${ports[at]}/${path}`,
  )
  const resources = [
    { resource: first, name: 'First' },
    { resource: second, name: 'Second', scopes: ['mcp:tools:read', 'mcp:tools:call'] },
    { resource: things, name: 'Things', scopes: ['things:read', 'things:write'] },
  ]
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-several-'))
  auth = await startStack({
    services: ['auth'],
    // as in site.ts: the people of createPerson() come from addresses of their own
    env: {
      auth: {
        AUTH_RESOURCES: JSON.stringify(resources),
        TRUST_PROXY: '127.0.0.1,::1',
        AUTH_DEV_LOGIN: 'true',
      },
    },
  })
  for (const [at, resource] of [first, second].entries()) {
    const env = { PORT: String(ports[at]), MCP_RESOURCE_URL: resource, MCP_ISSUER: auth.issuer }
    servers.push(startProcess(['apps/mcp/src/main.ts'], { env: { ...env, DATA_DIR: join(folder, String(at)) } }))
  }
  // the example as its reader has it: beside a node_modules with the two packages it names
  copyFileSync(join(repository, 'examples/guard/fastify.ts'), join(folder, 'server.ts'))
  symlinkSync(join(repository, 'apps/mcp/node_modules'), join(folder, 'node_modules'))
  servers.push(startProcess([join(folder, 'server.ts'), auth.issuer, String(ports[2])]))
  for (const resource of [first, second, things]) await until(() => isReady(resource), 30_000)
})
afterAll(async () => {
  await Promise.all([auth, ...servers].map((each) => each[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true, force: true })
})

async function isReady(resource: string): Promise<boolean> {
  return fetch(new URL('/readyz', resource)).then(
    ({ status }) => status === 200,
    () => false,
  )
}

function ask(url: string, token?: string): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info }
  return fetch(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  })
}

/** Somebody signs in and approves at the address that an app opened; what the app gets. */
async function approveAt(address: URL): Promise<URLSearchParams> {
  const person = createPerson(auth)
  await person.open(address.href)
  await person.logIn()
  const { leftTo, text } = await person.approve()
  if (!leftTo) throw new Error(text)
  return leftTo.searchParams
}

/** Our command, with a person who approves. */
async function run(...args: string[]) {
  await using command = startProcess(['packages/cli/src/main.ts', ...args], {
    env: { GATEHOUSE_HOME: join(folder, 'home') },
  })
  const prompt = promptOf(command).catch(() => undefined)
  const asked = await Promise.race([prompt, command.exited.then(() => undefined)])
  if (asked) {
    const person = createPerson(auth)
    await person.enterCode(asked.code)
    await person.logIn()
    await person.approve()
  }
  const { code } = await command.exited
  return { code, stdout: command.stdout(), output: command.output() }
}

const at = (resource: string) => ['--url', resource]
const tokenOf = async (resource: string) => (await run('token', ...at(resource))).stdout.trim()

test('each resource says who it is, who signs people in for it, and what it takes', async () => {
  const scopes = {
    [first]: 'mcp:tools:read mcp:tools:call',
    [second]: 'mcp:tools:read mcp:tools:call',
    [things]: 'things:read',
  }
  for (const [resource, scope] of Object.entries(scopes)) {
    const { origin, pathname } = new URL(resource)
    const place = `${origin}/.well-known/oauth-protected-resource${pathname}`
    const refused = resource === things ? await fetch(things) : await ask(resource)
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer resource_metadata="${place}", scope="${scope}"`,
    ])
    expect(await (await fetch(place)).json()).toMatchObject({
      resource,
      authorization_servers: [auth.issuer],
      scopes_supported: scope.split(' '),
    })
  }
  const { scopes_supported } = await (await fetch(`${auth.issuer}/.well-known/oauth-authorization-server`)).json()
  expect(scopes_supported).toEqual(expect.arrayContaining(['mcp:tools:notify', 'things:read', 'things:write']))
})

test.each(['first', 'second'] as const)(
  'both SDKs sign in at the %s from its address alone, for it alone',
  async (name) => {
    const [own, other] = name === 'first' ? [first, second] : [second, first]
    for (const sdk of ['v1', 'v2'] as const) {
      const provider = createMemoryProvider(callback)
      const transport = () =>
        sdk === 'v1'
          ? new LegacyTransport(new URL(own), { authProvider: provider })
          : new modern.StreamableHTTPClientTransport(new URL(own), { authProvider: provider })
      // biome-ignore lint/suspicious/noExplicitAny: each SDK has its own types for the same members
      const client = (): any => (sdk === 'v1' ? new LegacyClient(info) : new modern.Client(info, modernOptions))
      const starting = transport()
      await expect(client().connect(starting)).rejects.toThrow(/unauthorized/i)
      const answer = await approveAt(provider.askedFor())
      await (sdk === 'v1'
        ? (starting as LegacyTransport).finishAuth(answer.get('code') ?? '')
        : (starting as modern.StreamableHTTPClientTransport).finishAuth(answer))
      const connected = client()
      await connected.connect(transport())
      const { content } = await connected.callTool({ name: 'greet', arguments: { name: sdk } })
      expect(content).toEqual([{ type: 'text', text: `Hello, ${sdk}!` }])
      await connected.close()

      const { access_token } = provider.tokens()
      expect(claimsOf(access_token)).toMatchObject({
        aud: own,
        iss: auth.issuer,
        scope: 'mcp:tools:read mcp:tools:call',
      })
      for (const elsewhere of [other, things]) {
        const refused =
          elsewhere === things ? await fetch(things, bearer(access_token)) : await ask(elsewhere, access_token)
        expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
          401,
          expect.stringMatching(/error="invalid_token".*resource_metadata="http:\/\/localhost:\d+\/\.well-known/),
        ])
        expect(refused.headers.get('www-authenticate')).toContain(new URL(elsewhere).host)
      }
    }
  },
)

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

test('our command is signed in at each by itself, with what each takes', async () => {
  for (const resource of [first, second, things]) {
    expect(await run('login', ...at(resource))).toMatchObject({ code: 0 })
  }
  expect(await run('call', 'greet', '{"name":"a"}', ...at(first))).toMatchObject({ code: 0, stdout: 'Hello, a!\n' })
  expect(await run('call', 'greet', '{"name":"b"}', ...at(second))).toMatchObject({ code: 0, stdout: 'Hello, b!\n' })
  const tokens = await Promise.all([first, second, things].map(tokenOf))
  expect(tokens.map((token) => claimsOf(token).aud)).toEqual([first, second, things])
  expect(tokens.map((token) => claimsOf(token).scope)).toEqual([
    'mcp:tools:read mcp:tools:call',
    'mcp:tools:read mcp:tools:call',
    'things:read',
  ])
  const [ofFirst = '', , ofThings = ''] = tokens
  expect(await (await fetch(things, bearer(ofThings))).json()).toEqual({ hello: 'dev:ada' })
  expect((await fetch(things, bearer(ofFirst))).status).toBe(401)
  expect((await ask(first, ofThings)).status).toBe(401)
  await run('logout', ...at(first))
  expect((await run('token', ...at(first))).code).toBe(3)
  expect(await run('call', 'greet', '{"name":"b"}', ...at(second))).toMatchObject({ code: 0, stdout: 'Hello, b!\n' })
})

test('our command signs in through a browser at one of them, for that one', async () => {
  await using command = startProcess(['packages/cli/src/main.ts', 'login', '--browser', ...at(second)], {
    env: { GATEHOUSE_HOME: join(folder, 'home') },
  })
  const [address] = await command.says(/http:\/\/localhost:\d+\/authorize\?\S+/)
  const person = createPerson(auth)
  await person.open(address)
  await person.logIn('grace')
  const { leftTo } = await person.approve()
  expect(await (await fetch(leftTo ?? '')).text()).toContain('You are signed in')
  expect((await command.exited).code, command.output()).toBe(0)
  expect(claimsOf(await tokenOf(second))).toMatchObject({ aud: second, sub: 'dev:grace' })
})

test('a scope that only one of them has is granted there, and not at the other', async () => {
  const asking = ['login', '--scope', 'mcp:tools:read mcp:tools:notify']
  await run(...asking, ...at(first))
  expect(claimsOf(await tokenOf(first)).scope).toBe('mcp:tools:read mcp:tools:notify')
  await run(...asking, ...at(second))
  expect(claimsOf(await tokenOf(second)).scope).toBe('mcp:tools:read')
})

test('a refresh token of one gets none of another, and is not used up by the attempt', async () => {
  const provider = createMemoryProvider(callback)
  const starting = new modern.StreamableHTTPClientTransport(new URL(first), { authProvider: provider })
  await new modern.Client(info, modernOptions).connect(starting).catch(() => undefined)
  await starting.finishAuth(await approveAt(provider.askedFor()))
  const refresh = async (resource: string) => {
    const form = { grant_type: 'refresh_token', refresh_token: provider.tokens().refresh_token, resource }
    const body = new URLSearchParams({ ...form, client_id: provider.clientInformation().client_id })
    const response = await fetch(`${auth.issuer}/token`, { method: 'POST', body })
    return { status: response.status, ...((await response.json()) as { error?: string; access_token?: string }) }
  }
  expect(await refresh(second)).toMatchObject({ status: 400, error: 'invalid_target' })
  const refreshed = await refresh(first)
  expect([refreshed.status, claimsOf(refreshed.access_token ?? '').aud]).toEqual([200, first])
})

/** How people type an address that is not quite the resource's. */
const mistypings = (resource: string) => {
  const { origin, pathname, port } = new URL(resource)
  return [
    `${resource}/`,
    origin,
    `${origin}/`,
    `${origin}/MCP`,
    `${origin}${pathname}/sse`,
    `${origin}/sse`,
    `http://127.0.0.1:${port}${pathname}`,
    `http://[::1]:${port}${pathname}`,
  ]
}

test('every mistyped address of an MCP server works, or is answered with the exact one', async () => {
  for (const resource of [first, second]) {
    for (const typed of mistypings(resource)) {
      const response = await ask(typed).catch(() => undefined)
      if (!response) {
        expect(typed, 'nothing listens on the other family of addresses').toMatch(/127\.0\.0\.1|\[::1\]/)
        continue
      }
      const body = await response.text()
      if (response.status === 401) {
        expect(response.headers.get('www-authenticate'), typed).toContain('resource_metadata="')
      } else {
        expect([404, 421], `${typed}: ${body}`).toContain(response.status)
        expect(body, typed).toContain(resource)
      }
    }
  }
})

test('our command and both SDKs hand that answer to the person', async () => {
  const [slash = '', origin = '', , , deeper = ''] = mistypings(second)
  for (const typed of [slash, origin, deeper, second.replace('localhost', '127.0.0.1')]) {
    if (!(await ask(typed).catch(() => undefined))) continue
    const tools = await run('tools', ...at(typed))
    if (tools.code !== 0) expect(tools.output, typed).toContain(second)
    const login = await run('login', ...at(typed))
    if (login.code !== 0) expect(login.output, typed).toContain(second)
    expect(login.code, `${typed}: ${login.output}`).toBe(tools.code === 0 ? 0 : 7)
    if (tools.code === 0) continue
    const asModern = new modern.Client(info, modernOptions).connect(
      new modern.StreamableHTTPClientTransport(new URL(typed)),
    )
    await expect(asModern, typed).rejects.toThrow(second)
    const asLegacy = new LegacyClient(info).connect(
      new LegacyTransport(new URL(typed)) as Parameters<LegacyClient['connect']>[0],
    )
    await expect(asLegacy, typed).rejects.toThrow(second)
  }
})

test('an upper case host is the same server, for our command and for both SDKs', async () => {
  const typed = second.replace('localhost', 'LOCALHOST')
  expect(await run('call', 'greet', '{"name":"b"}', ...at(typed))).toMatchObject({ code: 0, stdout: 'Hello, b!\n' })
  const provider = createMemoryProvider(callback)
  const starting = new modern.StreamableHTTPClientTransport(new URL(typed), { authProvider: provider })
  await new modern.Client(info, modernOptions).connect(starting).catch(() => undefined)
  expect(provider.askedFor().searchParams.get('resource')).toBe(second)
})

test('the authorization server knows each by its spellings, and refuses others before anybody logs in', async () => {
  const { client_id } = await registered()
  const device = async (resource: string) => {
    const body = new URLSearchParams({ client_id, resource })
    const response = await fetch(`${auth.issuer}/device_authorization`, { method: 'POST', body })
    return { status: response.status, ...((await response.json()) as { error_description?: string }) }
  }
  for (const resource of [first, second]) {
    const { origin, port, pathname } = new URL(resource)
    for (const spelling of [`${resource}/`, origin, `${origin}/`, `HTTP://LOCALHOST:${port}${pathname}`]) {
      expect(await device(spelling), spelling).toMatchObject({ status: 200 })
    }
    for (const unknown of [`${origin}/other`, `http://127.0.0.1:${port}${pathname}`, 'https://mcp.example/mcp']) {
      const refused = await device(unknown)
      expect(refused, unknown).toMatchObject({ status: 400, error: 'invalid_target' })
      for (const known of [first, second, things]) expect(refused.error_description).toContain(known)
      const { leftTo, headers } = await createPerson(auth).open(
        `${auth.issuer}/authorize?${new URLSearchParams({
          client_id,
          resource: unknown,
          response_type: 'code',
          redirect_uri: callback,
          code_challenge: 'x'.repeat(43),
          code_challenge_method: 'S256',
        })}`,
      )
      expect([leftTo?.searchParams.get('error'), headers.get('set-cookie')], unknown).toEqual(['invalid_target', null])
      expect(leftTo?.searchParams.get('error_description')).toContain(second)
    }
  }
})

async function registered(): Promise<{ client_id: string }> {
  const response = await fetch(`${auth.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [callback],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
    }),
  })
  return (await response.json()) as { client_id: string }
}
