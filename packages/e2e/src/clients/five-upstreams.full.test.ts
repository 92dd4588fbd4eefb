// Other people's clients, and our command, at a gateway with five upstreams: each lists what they have together, and calls a
// tool of each.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningProcess, repository, startProcess } from '@gatehouse/testing'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { secretsInLogs } from '../harness/secrets.ts'
import { type RunningSite, startSite } from './site.ts'

const fixture = 'apps/mcp/src/gateway/harness/fixture-server.ts'
const mcpRemote = 'packages/e2e/node_modules/mcp-remote/dist/proxy.js'
const inspector = 'packages/e2e/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'
const ourCommand = 'packages/cli/src/main.ts'
const machine = {
  client_id: 'nightly-report',
  client_secret: 'a-planted-secret-of-the-nightly-report',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}
const remotes = { http25: ['http', '2025'], sse25: ['sse', '2025'], http26: ['http', '2026'] } as const
const names = ['stdio25', 'stdio26', ...Object.keys(remotes)]

const servers: RunningProcess[] = []
const tokens: string[] = []
let site: RunningSite

async function remote([transport, era]: readonly [string, string]): Promise<object> {
  const server = startProcess([fixture, transport, era, 'matrix'], { input: '' })
  servers.push(server)
  const [port] = await server.says(/^\d+$/m)
  return { url: `http://127.0.0.1:${port}/mcp`, transport }
}

function command(era: string): object {
  const node = [process.execPath, '--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning']
  return { command: [...node, join(repository, fixture), 'stdio', era, 'matrix'] }
}

beforeAll(async () => {
  const entries = Object.entries(remotes).map(async ([name, kind]) => [name, await remote(kind)] as const)
  const upstreams = {
    stdio25: command('2025'),
    stdio26: command('2026'),
    ...Object.fromEntries(await Promise.all(entries)),
  }
  const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-clients-')), 'gatehouse.json')
  writeFileSync(file, JSON.stringify({ version: 1, upstreams }))
  site = await startSite([machine], { GATEHOUSE_CONFIG: file })
})
afterAll(async () => {
  expect(secretsInLogs(site.logs(), { others: [machine.client_secret, ...tokens] })).toEqual([])
  await site[Symbol.asyncDispose]()
  await Promise.all(servers.map((server) => server.end()))
})

test.each(['legacy', 'auto'])('mcp-remote, protocol mode %s', async (mode) => {
  const home = site.folder('mcp-remote')
  const { client_id, client_secret } = machine
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [
      ...[join(repository, mcpRemote), site.resource, '--client-credentials'],
      ...['--static-oauth-client-info', JSON.stringify({ client_id, client_secret })],
      ...(mode === 'auto' ? ['--protocol', 'auto'] : []),
    ],
    env: { PATH: process.env.PATH ?? '', HOME: home, MCP_REMOTE_CONFIG_DIR: home },
    stderr: 'ignore',
  })
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(transport)
  const listed = (await client.listTools()).tools.map(({ name }) => name)
  for (const name of names) {
    expect(listed).toContain(`${name}__echo`)
    const { content } = await client.callTool({ name: `${name}__echo`, arguments: { message: name } })
    expect(content).toEqual([{ type: 'text', text: `Echo: ${name}` }])
  }
  await client.close()
})

test.each(['legacy', 'modern'])('Inspector, in the %s era', async (era) => {
  const home = site.folder('inspector')
  const run = async (...args: readonly string[]) => {
    const credential = ['--header', `Authorization: Bearer ${await machineToken()}`, '--protocol-era', era]
    const target = ['--server-url', site.resource, '--transport', 'http', ...credential]
    await using one = startProcess([inspector, '--cli', '--format', 'json', ...target, ...args], {
      env: { HOME: home },
    })
    const { code } = await one.exited
    expect(code, one.output()).toBe(0)
    return one.stdout()
  }
  const listed = await run('--method', 'tools/list')
  for (const name of names) {
    expect(listed).toContain(`"${name}__echo"`)
    const called = await run('--method', 'tools/call', '--tool-name', `${name}__echo`, '--tool-arg', `message=${name}`)
    expect(called).toContain(`Echo: ${name}`)
  }
})

test('our command', async () => {
  const { client_id, client_secret } = machine
  const env = {
    GATEHOUSE_HOME: site.folder('command'),
    GATEHOUSE_CLIENT_ID: client_id,
    GATEHOUSE_CLIENT_SECRET: client_secret,
  }
  const run = async (...args: readonly string[]) => {
    await using one = startProcess([ourCommand, '--url', site.resource, '--json', ...args], { env })
    const { code } = await one.exited
    expect(code, one.output()).toBe(0)
    return one.stdout()
  }
  const listed = await run('tools')
  for (const name of names) {
    expect(listed).toContain(`"${name}__echo"`)
    expect(await run('call', `${name}__echo`, JSON.stringify({ message: name }))).toContain(`Echo: ${name}`)
  }
})

async function machineToken(): Promise<string> {
  const { client_id, client_secret } = machine
  const body = new URLSearchParams({ grant_type: 'client_credentials', resource: site.resource })
  const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`
  const response = await fetch(`${site.issuer}/token`, { method: 'POST', headers: { authorization }, body })
  const { access_token: token } = (await response.json()) as { readonly access_token?: string }
  if (!token) throw new Error(`no token: ${response.status}`)
  tokens.push(token)
  return token
}
