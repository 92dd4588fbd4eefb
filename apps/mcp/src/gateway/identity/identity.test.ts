// Who calls, as an upstream is told it: over the wire, of either era, with several callers at once.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answerOf, requestOf, startMcpServer, type TestServer } from '../../harness/mcp-server.ts'
import { type KnowingServer, startKnowingServer } from '../harness/knowing-server.ts'

async function startGateway(upstream: KnowingServer, more = ''): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-identity-'))
  const file = join(folder, 'gatehouse.yaml')
  writeFileSync(
    file,
    `version: 1
upstreams:
  ledger: { url: "${upstream.url}?key=of-the-url", identity: { header: Gatehouse-Caller, as: jwt } ${more} }
`,
  )
  const env = {
    GATEHOUSE_CONFIG: file,
    DATA_DIR: join(folder, 'data'),
    MCP_SECRET: 'of this test, and long enough to seal with',
  }
  return startMcpServer({ env })
}

async function whoAmI(
  gateway: TestServer,
  claims: Readonly<Record<string, unknown>>,
  headers: Record<string, string> = {},
) {
  const { message, headers: own } = requestOf('2026-07-28', 'tools/call', { name: 'whoami', arguments: {} })
  const token = await gateway.sign(claims)
  const response = await gateway.post(message, { ...own, ...headers, authorization: `Bearer ${token}` })
  const { result } = await answerOf(response)
  return { token, caller: JSON.parse(result.content[0].text) }
}

test.each(['2025', '2026'] as const)(
  'each request to a server of %s says who calls, and nobody else’s name',
  async (era) => {
    let gateway: TestServer | undefined
    await using upstream = await startKnowingServer(era, () => gateway?.resource ?? '')
    gateway = await startGateway(upstream)
    try {
      const people = ['dev:ada', 'dev:bob', 'dev:eve']
      for (const round of [1, 2])
        for (const answer of await Promise.all(
          people.map((sub) =>
            whoAmI(gateway as TestServer, { sub, client_id: `client-of-${sub}`, scope: 'mcp:tools:call' }),
          ),
        )) {
          expect([round, answer.caller]).toMatchObject([
            round,
            { iss: gateway.resource, aud: upstream.url, scope: 'mcp:tools:call' },
          ])
          expect(answer.caller.client_id).toBe(`client-of-${answer.caller.sub}`)
          expect(JSON.stringify(upstream.requests)).not.toContain(answer.token.slice(-40))
        }
      expect(new Set(upstream.requests.map(({ caller }) => caller?.sub))).toEqual(new Set(people))
      expect(upstream.requests.filter(({ caller }) => caller === undefined)).toEqual([])
      expect(upstream.mixed).toEqual([])
      const ids = upstream.requests.map(({ caller }) => caller?.jti)
      expect(new Set(ids).size).toBe(ids.length)
      if (era === '2025') expect(upstream.requests.map(({ method }) => method)).toContain('GET ')
      // it is no token of ours: nobody gets in with it
      const { raw } = upstream.requests[0] as { raw: string }
      const { message, headers } = requestOf('2026-07-28', 'tools/list')
      const refused = await gateway.post(message, { ...headers, authorization: `Bearer ${raw}` })
      expect(refused.status).toBe(401)
      expect(gateway.log.join('')).not.toContain(raw.slice(-40))
    } finally {
      await gateway[Symbol.asyncDispose]()
    }
    expect(upstream.requests.filter(({ caller }) => caller === undefined)).toEqual([])
  },
)

test('a client’s header of that name goes nowhere', async () => {
  let gateway: TestServer | undefined
  await using upstream = await startKnowingServer('2026', () => gateway?.resource ?? '')
  await using server = await startGateway(upstream, ', forwardHeaders: [x-tenant]')
  gateway = server
  const forged = { 'gatehouse-caller': 'canary-of-a-client', 'x-tenant': 'acme' }
  expect((await whoAmI(server, { sub: 'dev:ada' }, forged)).caller.sub).toBe('dev:ada')
  expect(JSON.stringify(upstream.requests)).not.toContain('canary')
})

test('what a caller’s scopes are is said as they are at each call', async () => {
  let gateway: TestServer | undefined
  await using upstream = await startKnowingServer('2025', () => gateway?.resource ?? '')
  await using server = await startGateway(upstream)
  gateway = server
  for (const scope of ['mcp:tools:call', 'mcp:tools:read mcp:tools:call', 'mcp:tools:call'])
    expect((await whoAmI(server, { sub: 'dev:ada', scope })).caller.scope).toBe(scope)
})

test('the keys are under the host of an endpoint, and where nobody is told by them there are none', async () => {
  let gateway: TestServer | undefined
  await using upstream = await startKnowingServer('2026', () => gateway?.resource ?? '')
  await using server = await startGateway(upstream)
  gateway = server
  const response = await fetch(`${server.origin}/.well-known/gatehouse/jwks.json`)
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'public, max-age=300'])
  const { keys } = (await response.json()) as { keys: object[] }
  for (const key of keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  await using none = await startMcpServer()
  expect((await fetch(`${none.origin}/.well-known/gatehouse/jwks.json`)).status).toBe(404)
  expect((await fetch(`${server.origin}/.well-known/gatehouse/jwks.json`, { method: 'POST' })).status).toBe(404)
})
