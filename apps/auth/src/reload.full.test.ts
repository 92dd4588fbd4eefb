import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type AuthServer, startAuthServer } from './harness/auth-server.ts'
import { basic, robot, terminal } from './harness/clients.ts'
import { provesSecrecy } from './harness/evidence.ts'
import { askAsDevice, errorOf, logInOnDevice, obtainCode, refresh, refused } from './harness/flows.ts'

const tools = 'https://mcp.example.com/mcp'
const money = 'https://mcp.example.com/money'
const endpoints = {
  tools: `  - { resource: ${tools}, name: Company tools, upstreams: [github, builtin] }`,
  money: `  - { resource: ${money}, name: Money, upstreams: [ledger] }`,
}

let folder: string
let environment: { readonly GATEHOUSE_CONFIG: string }
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-reload-'))
  environment = { GATEHOUSE_CONFIG: join(folder, 'gatehouse.yaml') }
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Over the file, as an editor does it. */
function write(...served: readonly string[]) {
  const upstreams = ['github', 'ledger'].map((name) => `  ${name}: { url: "https://${name}.example.com/mcp" }`)
  const lines = ['version: 1', 'endpoints:', ...served, 'upstreams:', ...upstreams]
  writeFileSync(join(folder, 'edited'), lines.join('\n'))
  renameSync(join(folder, 'edited'), environment.GATEHOUSE_CONFIG)
}
const published = async (server: AuthServer) =>
  (await server.get('/.well-known/oauth-authorization-server')).json.protected_resources
const waitFor = (server: AuthServer, ...resources: readonly string[]) =>
  vi.waitFor(async () => expect(await published(server)).toEqual(resources), 10_000)
const invalidTarget = refused(400, 'invalid_target')

test('an endpoint that appears is served like the others, wherever the list of them counts', async () => {
  write(endpoints.money)
  await using server = await startAuthServer({ environment })
  const ask = () => server.post('/device_authorization', { client_id: terminal.client_id, resource: tools })
  expect(errorOf(await ask())).toEqual(invalidTarget)
  write(endpoints.money, endpoints.tools)
  await waitFor(server, money, tools)

  const { json: metadata } = await server.get('/.well-known/oauth-authorization-server')
  expect(metadata.scopes_supported).toContain('mcp:tools:notify')
  expect((await server.get('/', { accept: 'text/html' })).text).toContain('Company tools')
  const machine = { grant_type: 'client_credentials', resource: `${tools}/` }
  expect(decodeJwt((await server.token(machine, basic(robot))).json.access_token ?? '').aud).toBe(tools)
  const { access_token: byDevice } = await logInOnDevice(server, { resource: tools })
  const { redeem } = await obtainCode(server, { changes: { resource: tools } })
  const { access_token: byCode } = (await redeem()).json
  for (const token of [byDevice, byCode]) expect(decodeJwt(token ?? '').aud).toBe(tools)
})

test('an endpoint that goes is refused everywhere, and nothing is used up by that: it may come back', async () => {
  write(endpoints.tools, endpoints.money)
  await using server = await startAuthServer({ environment })
  const { refresh_token: kept } = await logInOnDevice(server, { resource: tools })
  const { refresh_token: other } = await logInOnDevice(server, { resource: money })
  const pending = await askAsDevice(server, { resource: tools })
  const code = await obtainCode(server, { changes: { resource: tools } })

  write(endpoints.money)
  await waitFor(server, money)
  expect(errorOf(await refresh(server, kept))).toEqual(invalidTarget)
  expect(errorOf(await pending.poll())).toEqual(invalidTarget)
  expect(errorOf(await code.redeem())).toEqual(invalidTarget)
  const again = { client_id: terminal.client_id, resource: tools }
  expect(errorOf(await server.post('/device_authorization', again))).toEqual(invalidTarget)
  expect((await refresh(server, other)).status, 'of the endpoint that stays').toBe(200)

  write(endpoints.tools, endpoints.money)
  await waitFor(server, tools, money)
  expect((await refresh(server, kept)).status).toBe(200)
  expect((await code.redeem()).status).toBe(200)
})

test('a faulty file changes nothing: one line with every fault, and a count', async () => {
  write(endpoints.tools)
  await using server = await startAuthServer({ environment })
  const readings = () =>
    server
      .log()
      .split('\n')
      .filter((line) => line.includes('the file of the gateway'))
      .map((line) => JSON.parse(line))
  const toHaveRead = (times: number) => vi.waitFor(() => expect(readings()).toHaveLength(times), 10_000)

  write(endpoints.money, '  - { resource: nowhere, colour: green }')
  await toHaveRead(1)
  const { GATEHOUSE_CONFIG: file } = environment
  expect(readings()[0]).toMatchObject({
    level: 50,
    msg: 'the file of the gateway is faulty: everything stays as it is',
    faults: expect.arrayContaining([
      expect.stringContaining(`${file}:4:17 endpoints[1].resource: must be an http or https URL`),
      expect.stringContaining(`${file}:4:26 endpoints[1].colour: there is no such setting`),
    ]),
  })
  expect(await published(server)).toEqual([tools])

  write(endpoints.tools)
  await toHaveRead(2)
  server.hangUp()
  rmSync(file)
  server.hangUp()
  await toHaveRead(4)
  expect(readings().map(({ resources, faults }) => resources ?? faults)).toEqual([
    expect.anything(),
    [tools],
    [tools],
    [`GATEHOUSE_CONFIG: ${file} cannot be read (ENOENT).`],
  ])
  expect(await server.metrics()).toContain('\ngatehouse_config_faulty 1\n')
  write(endpoints.money)
  await waitFor(server, money)
  const metrics = await server.metrics()
  expect(metrics).toContain('\ngatehouse_config_faulty 0\n')
  for (const [result, times] of Object.entries({ changed: 1, unchanged: 2, faulty: 2 }))
    expect(metrics).toContain(`gatehouse_config_reloads_total{result="${result}"} ${times}`)
})

provesSecrecy()
