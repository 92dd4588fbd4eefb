// One trace from the command that asks for a sign-in, by way of the person's approval, to the answer of a server behind the
// gateway: both services, two replicas, Redis, and a collector; and no secret in anything that is exported.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  type CollectedSpan,
  createPerson,
  freePorts,
  type OtlpCollector,
  printTrace,
  promptOf,
  startOtlpCollector,
  startProcess,
} from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPlanting } from './harness/planting.ts'
import { secretsInLogs } from './harness/secrets.ts'
import { type Cluster, startCluster } from './replicas/cluster.ts'
import { approvedDevice, ask, call } from './replicas/wire.ts'

const [trace, parent] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
const traceparent = `00-${trace}-${parent}-01`
const servers = createRequire(join(import.meta.dirname, '../../../apps/mcp/package.json'))
const program = join(dirname(servers.resolve('@modelcontextprotocol/server-everything/package.json')), 'dist/index.js')

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-traces-'))
const { secrets, plant, plantTokens, watched } = createPlanting()

let collector: OtlpCollector
let cluster: Cluster
let web: ReturnType<typeof spawn>

beforeAll(async () => {
  const [port = 0] = await freePorts(1)
  web = spawn(process.execPath, [program, 'streamableHttp'], { env: { PORT: String(port) }, stdio: 'ignore' })
  collector = await startOtlpCollector()
  const GATEHOUSE_CONFIG = join(folder, 'gatehouse.yaml')
  const upstreams = {
    command: { command: [process.execPath, program, 'stdio'] },
    web: { url: `http://localhost:${port}/mcp` },
  }
  writeFileSync(GATEHOUSE_CONFIG, JSON.stringify({ version: 1, upstreams, audit: { to: 'stdout', arguments: 'none' } }))
  const env = {
    GATEHOUSE_CONFIG,
    MCP_SECRET: plant('a secret', 'of these tests, and long enough to seal with'),
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  }
  cluster = await startCluster({ auth: 1, mcp: 2, env })
}, 120_000)
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await collector?.close()
  web?.kill()
  rmSync(folder, { recursive: true })
})

const gatehouse = (...args: readonly string[]) =>
  startProcess(['packages/cli/src/main.ts', ...args, '--url', cluster.resource], {
    env: { GATEHOUSE_HOME: join(folder, 'home'), TRACEPARENT: traceparent },
  })
const inTrace = () => collector.spans.filter(({ traceId }) => traceId === trace)
const find = (name: string, kind?: CollectedSpan['kind']) =>
  inTrace().find((span) => span.name === name && (kind === undefined || span.kind === kind))
const named = (name: string, kind?: CollectedSpan['kind']) => {
  const span = find(name, kind)
  if (!span) throw new Error(`there is no ${name} among ${inTrace().map((each) => each.name)}`)
  return span
}
const above = (span: CollectedSpan) => collector.spans.find(({ spanId }) => spanId === span.parentId)
/** From a span to the first one of its trace that is ours. */
const way = (span: CollectedSpan | undefined): string[] => (span ? [span.name, ...way(above(span))] : [])
const isOfRedis = ({ attributes }: CollectedSpan) => attributes['db.system.name'] === 'redis'

test('a device login and the calls after it are one trace, from the approval to what a server behind the gateway answers', async () => {
  cluster.mcp.door.use(0)
  await using first = gatehouse('call', 'command__echo', '{"message":"a-planted-argument"}')
  const { code } = await promptOf(first)
  for (const text of [code, code.replace('-', '')]) plant('a user code', text)
  const person = watched(createPerson(cluster))
  await person.enterCode(code)
  await person.logIn('ada')
  await person.approve()
  expect((await first.exited).code, first.output()).toBe(0)
  // the command is at the other replica
  cluster.mcp.door.use(1)
  await using second = gatehouse('call', 'command__get-sum', '{"a":1,"b":2}')
  expect((await second.exited).code, second.output()).toBe(0)
  await using third = gatehouse('call', 'web__echo', '{"message":"hello"}')
  expect((await third.exited).code, third.output()).toBe(0)
  cluster.mcp.door.use()

  // each process gives its spans away by itself: the last ones, and those that others are parts of
  const overHttp = () =>
    inTrace().find(
      ({ name, kind, attributes }) =>
        name === 'tools/call echo' && kind === 'client' && attributes['gatehouse.upstream'] === 'web',
    )
  const wayOverHttp = ['tools/call echo', 'for another replica', 'tools/call web__echo', 'POST /mcp']
  await expect.poll(() => way(overHttp())).toEqual(wayOverHttp)
  const orphans = () => inTrace().filter((span) => span.parentId !== parent && above(span) === undefined)
  await expect.poll(() => orphans().map(({ name }) => name)).toEqual([])
  process.stdout.write(
    `\n${printTrace(
      inTrace().filter((span) => !isOfRedis(span)),
      shown,
    )}\n`,
  )

  // the approval, in another browser, is a part of what the device asked
  const decision = named('device decision')
  expect(way(decision)).toEqual(['device decision', 'POST /device_authorization'])
  expect(decision.events.map(({ name }) => name)).toEqual(['device_approved'])
  const browser = collector.spans.find(({ spanId }) => spanId === decision.links[0]?.spanId)
  expect(browser).toMatchObject({ name: 'POST /interaction/:uid/decision', kind: 'server' })
  expect(browser?.traceId).not.toBe(trace)
  // so are its tokens
  const token = inTrace().find(({ name, events }) => name === 'POST /token' && events.length > 0)
  expect(token?.events.map(({ name }) => name)).toEqual(['tokens_issued'])
  expect(token?.links).toEqual([{ traceId: trace, spanId: named('POST /device_authorization').spanId }])
  // and what is done with them, at whichever replica
  expect(way(named('tools/call echo', 'client')).slice(0, 3)).toEqual([
    'tools/call echo',
    'tools/call command__echo',
    'POST /mcp',
  ])
  expect(way(named('tools/call get-sum', 'client'))).toEqual([
    'tools/call get-sum',
    'for another replica',
    'tools/call command__get-sum',
    'POST /mcp',
  ])
  expect(inTrace().filter(({ parentId }) => parentId === parent).length).toBeGreaterThan(5)
  expect(inTrace().filter((span) => isOfRedis(span) && above(span) !== undefined).length).toBeGreaterThan(10)
  expect(orphans()).toEqual([])
  // one grant
  const grant = decision.attributes['gatehouse.grant_id']
  expect(grant).toEqual(expect.any(String))
  for (const span of [token, named('tools/call command__echo'), named('tools/call web__echo', 'server')])
    expect(span?.attributes['gatehouse.grant_id']).toBe(grant)
})

test('the id is in the audit and in the log, for what belongs to the trace', async () => {
  const lines = cluster
    .logs()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const audited = lines.filter((line) => line.audit === 1 && line.trace === trace)
  expect(new Set(audited.map(({ event }) => event))).toEqual(
    new Set(['client_registered', 'device_code_asked', 'device_approved', 'tokens_issued', 'mcp_request']),
  )
  const logged = lines.filter((line) => line.trace_id === trace && line.msg === 'request completed')
  const requests = new Set(audited.filter(({ event }) => event !== 'device_approved').map(({ request }) => request))
  const ids = new Set(logged.map(({ reqId }) => reqId))
  expect([...requests].filter((id) => !ids.has(id))).toEqual([])
  // each line of a request has some
  const without = lines.filter((line) => line.msg === 'incoming request' && !line.trace_id)
  expect(without.filter(({ req }) => !['/livez', '/readyz'].includes(req.path))).toEqual([])
})

test('a client that names no trace has one from the gateway to the server, and its tokens lead to its question', async () => {
  const device = await approvedDevice(cluster, watched(createPerson(cluster)))
  plant('a device code', device.deviceCode)
  plant('a user code', device.userCode)
  const { json } = plantTokens(await device.poll(), 'a device')
  const before = collector.spans.length
  expect((await call(cluster, json.access_token, 'web__echo', { message: 'a-planted-argument' })).status).toBe(200)
  const since = () => collector.spans.slice(before)
  await expect.poll(() => since().find(({ name }) => name === 'tools/call web__echo')).toBeDefined()
  const sent = since().find(({ name, kind }) => name === 'tools/call echo' && kind === 'client') as CollectedSpan
  expect(way(sent).slice(-2)).toEqual(['tools/call web__echo', 'POST /mcp'])
  const grant = since().find(({ name }) => name === 'tools/call web__echo')?.attributes['gatehouse.grant_id']
  const token = collector.spans.find(
    ({ name, attributes }) => name === 'POST /token' && attributes['gatehouse.grant_id'] === grant,
  )
  const asked = collector.spans.find(({ spanId }) => spanId === token?.links[0]?.spanId)
  expect(asked).toMatchObject({ name: 'POST /device_authorization' })
  expect(asked?.traceId).not.toBe(token?.traceId)
})

test('a process that is told to end gives away what waits', async () => {
  const [replica] = cluster.mcp.replicas
  await replica?.stop()
  await replica?.start({ env: { OTEL_BSP_SCHEDULE_DELAY: '60000' } })
  cluster.mcp.door.use(0)
  const before = collector.spans.length
  expect((await ask(cluster.resource, { method: 'POST' })).status).toBe(401)
  expect(await replica?.stop()).toBe(0)
  expect(collector.spans.slice(before).map(({ name }) => name)).toContain('POST /mcp')
})

test('no token, code, cookie, argument or secret is in anything that was exported', () => {
  plant('an argument', 'a-planted-argument')
  expect(new Set(secrets.values()).size).toBeGreaterThan(8)
  const exported = Buffer.concat(collector.bodies).toString('latin1')
  expect(exported).toContain('tools/call')
  for (const [secret, what] of secrets) expect(exported.includes(secret), what).toBe(false)
  expect(secretsInLogs(exported, { home: join(folder, 'home') })).toEqual([])
})

const shown = [
  'http.response.status_code',
  'gatehouse.upstream',
  'gatehouse.decision',
  'gatehouse.outcome',
  'gatehouse.grant_id',
]
