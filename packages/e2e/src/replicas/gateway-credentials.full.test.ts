// The gateway on two replicas, in front of another Gatehouse, which asks for tokens of its own authorization server, and of a server
// that wants to know who calls: real processes all of them but the last.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Stack, startStack } from '@gatehouse/testing'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { secretsInLogs } from '../harness/secrets.ts'
import { type Cluster, robot, startCluster } from './cluster.ts'
import { contentOf } from './redis-content.ts'
import { approvedDevice, ask } from './wire.ts'

const worker = { ...robot, client_id: 'gateway', client_secret: 'a-planted-secret-of-the-gateway' }
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-gateway-credentials-'))

/** What came to the server that wants to know who calls. It keeps all, and checks nothing by itself. */
const received: IncomingHttpHeaders[] = []
const knowing = createServer(async (request, response) => {
  let text = ''
  for await (const chunk of request) text += chunk
  received.push(request.headers)
  const { id, method } = JSON.parse(text || '{}')
  const results: Record<string, object> = {
    'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
    'tools/list': { tools: [{ name: 'look', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: String(request.headers['gatehouse-caller']) }] },
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...results[method] } }))
})

let upstream: Stack
let cluster: Cluster
let url: string

beforeAll(async () => {
  await new Promise<void>((resolve) => knowing.listen(0, 'localhost', resolve))
  url = `http://localhost:${(knowing.address() as AddressInfo).port}/mcp`
  upstream = await startStack({ clients: [worker] })
  writeFileSync(join(folder, 'secret'), worker.client_secret)
  const credential = {
    kind: 'client-credentials',
    issuer: upstream.issuer,
    clientId: worker.client_id,
    clientSecret: { file: 'secret' },
    resource: upstream.resource,
    scope: 'mcp:tools:read mcp:tools:call',
  }
  const GATEHOUSE_CONFIG = join(folder, 'gatehouse.yaml')
  writeFileSync(
    GATEHOUSE_CONFIG,
    JSON.stringify({
      version: 1,
      upstreams: {
        tools: { url: upstream.resource, credential },
        knowing: { url, credential, identity: { header: 'Gatehouse-Caller', as: 'jwt' } },
      },
    }),
  )
  const env = { GATEHOUSE_CONFIG, MCP_SECRET: 'of these tests, and long enough to seal with' }
  cluster = await startCluster({ auth: 1, mcp: 2, env })
}, 120_000)
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await upstream?.[Symbol.asyncDispose]()
  knowing.closeAllConnections()
  knowing.close()
  rmSync(folder, { recursive: true })
})

async function call(token: string, name: string): Promise<string> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'gatehouse-caller': 'planted-by-a-client',
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } })
  const { text } = await ask(cluster.resource, { method: 'POST', headers, body })
  return JSON.stringify(JSON.parse(/^data: (\{.*)$/m.exec(text)?.[1] ?? text).result)
}

const signedIn = async (): Promise<string> => {
  const { json } = await (await approvedDevice(cluster)).poll()
  return json.access_token ?? ''
}

test('another Gatehouse lets the gateway in as the machine that it is, at either replica and after a restart of its issuer', async () => {
  const token = await signedIn()
  for (const replica of [0, 1]) {
    cluster.mcp.door.use(replica)
    expect(await call(token, 'tools__whoami')).toContain('gateway')
  }
  await upstream.restart('auth')
  await cluster.mcp.replicas[1]?.kill()
  await cluster.mcp.replicas[1]?.start()
  expect(await call(token, 'tools__whoami')).toContain('gateway')
  cluster.mcp.door.use()
})

test('what one replica says of a caller is checked with the keys that the other one publishes', async () => {
  const token = await signedIn()
  for (const [says, publishes] of [
    [0, 1],
    [1, 0],
  ] as const) {
    cluster.mcp.door.use(says)
    const [said = ''] = /ey[\w-]+\.[\w-]+\.[\w-]+/.exec(await call(token, 'knowing__look')) ?? []
    cluster.mcp.door.use(publishes)
    const keys = createRemoteJWKSet(new URL('/.well-known/gatehouse/jwks.json', cluster.resource))
    const terms = { issuer: cluster.resource, audience: url, typ: 'gatehouse-caller+jwt', algorithms: ['ES256'] }
    expect((await jwtVerify(said, keys, terms)).payload).toMatchObject({ sub: 'dev:ada', client_id: 'terminal' })
  }
  cluster.mcp.door.use()
})

test('no token and no secret is where it does not belong: in requests, in logs, in Redis', async () => {
  const token = await signedIn()
  await call(token, 'knowing__look')
  await call(token, 'tools__whoami')
  const [shown = ''] = received.map(({ authorization = '' }) => authorization.replace('Bearer ', '')).slice(-1)
  expect(claimsOf(shown)).toMatchObject({ client_id: 'gateway', aud: upstream.resource })
  const sent = JSON.stringify(received)
  for (const foreign of [token, token.slice(-40), 'planted']) expect(sent).not.toContain(foreign)
  const others = [worker.client_secret, shown, shown.slice(-40), token, token.slice(-40)]
  expect(secretsInLogs(`${cluster.logs()}\n${upstream.logs()}`, { others })).toEqual([])
  const { names, values } = await contentOf(cluster.redis)
  const kept = [...names, values].join('\n')
  expect(kept).toContain('caller-key')
  expect(kept.length).toBeGreaterThan(5_000)
  expect(secretsInLogs(kept, { others })).toEqual([])
  // neither is the key that signs
  expect(kept).not.toMatch(/"(d|crv)"/)
})
