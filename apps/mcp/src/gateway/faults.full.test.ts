// Upstreams that go wrong, each beside a healthy one, through the whole gateway: what the client is told, and that nobody
// else notices. It prints a table of both.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenIssuer, freePort } from '@gatehouse/testing'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, expect, test } from 'vitest'
import { startMcpServer, type TestServer } from '../harness/mcp-server.ts'
import { startProcess } from '../harness/process.ts'
import { madnesses, startMadServer } from './harness/mad-server.ts'
import { running } from './upstreams/stdio/harness/running.ts'

const eras = ['2025', '2026'] as const
type Era = (typeof eras)[number]

const program = join(import.meta.dirname, 'harness/mad-command.ts')
const command = (...behaviour: string[]) => [process.execPath, program, ...behaviour]
const timeouts = { connect: '1s', list: '1s', call: '2s' }
const secret = 'a-secret-of-seals-which-is-long-enough'
const soon = { timeout: 20_000, interval: 50 }
const table: string[][] = []

afterAll(() => {
  const rows = table.map((row) => `| ${row.join(' | ')} |\n`)
  process.stdout.write(`\n| upstream | client | list | call | log |\n|---|---|---|---|---|\n${rows.join('')}`)
})

/** Commands have their HOME there. */
const commandsOf = (data: string) => running(`HOME=${data}`)
const root = mkdtempSync(join(tmpdir(), 'gatehouse-faults-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const folder = () => mkdtempSync(join(root, 'data-'))

function environmentFor(data: string, upstreams: object): Record<string, string> {
  const file = join(data, 'gatehouse.json')
  writeFileSync(file, JSON.stringify({ version: 1, upstreams }))
  return { GATEHOUSE_CONFIG: file, DATA_DIR: data, MCP_SECRET: secret }
}

interface Connected extends AsyncDisposable {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
  readonly statuses: Set<number>
}

async function connect(resource: string, token: string, era: Era): Promise<Connected> {
  const statuses = new Set<number>()
  const transport = new StreamableHTTPClientTransport(new URL(resource), {
    authProvider: { token: async () => token },
    fetch: async (...request) => {
      const response = await fetch(...request)
      statuses.add(response.status)
      return response
    },
  })
  const versionNegotiation = { mode: 'auto' } as const
  const client = new Client({ name: 'test', version: '1' }, era === '2026' ? { versionNegotiation } : {})
  await client.connect(transport)
  return { client, transport, statuses, [Symbol.asyncDispose]: () => client.close() }
}

/** What a client is told of a call, in a line. */
async function told(client: Client, name: string): Promise<string> {
  try {
    const result = await client.callTool({ name, arguments: {} })
    const [block] = result.content
    return `${result.isError ? 'isError' : 'result'}: ${block?.type === 'text' ? block.text : JSON.stringify(block)}`
  } catch (error) {
    const { code, message, data } = error as { code: unknown; message: string; data?: unknown }
    return `${code}: ${message} ${data === undefined ? '' : JSON.stringify(data)}`.trim()
  }
}

interface Line {
  readonly level: number
  readonly msg: string
  readonly upstream?: string
  readonly stderr?: string
}

const linesOf = ({ log }: TestServer): Line[] => log.map((line) => JSON.parse(line))

async function visit(server: TestServer, what: string, era: Era) {
  await using connected = await connect(server.resource, await server.sign(), era)
  const { client, statuses } = connected
  const names = (await client.listTools()).tools.map(({ name }) => name)
  expect(names).toContain('healthy__x0')
  const calls = Promise.all(['mad__x0', 'mad__x0'].map((name) => told(client, name)))
  expect(await told(client, 'healthy__x0')).toBe('result: done')
  const [said = ''] = await calls
  expect(await told(client, 'healthy__x0')).toBe('result: done')
  expect([...statuses].filter((status) => status >= 500)).toEqual([])
  const lines = linesOf(server).filter(({ upstream, stderr }) => upstream === 'mad' && stderr === undefined)
  expect(linesOf(server).filter(({ level }) => level >= 50)).toEqual([])
  const mad = names.filter((name) => name.startsWith('mad__')).length
  const logged = [...new Set(lines.map(({ msg }) => msg))].join('; ')
  table.push([what, era, mad === 0 ? 'left out' : `${mad} tools`, said, logged])
  return { said, logged, mad }
}

const places = eras.flatMap((era) => madnesses.map((madness) => ({ ...madness, era })))

test.each(places)('an upstream over HTTP that $title, and a client of $era', async ({ era, ...madness }) => {
  await using mad = await startMadServer(madness)
  const upstreams = { mad: { url: mad.url, timeouts }, healthy: { command: command() } }
  await using server = await startMcpServer({ env: environmentFor(folder(), upstreams) })
  const { said, logged } = await visit(server, madness.title, era)
  expect(said).toMatch(madness.title.endsWith('at a call') ? /^isError: .*mad/ : /^(isError|-32602): .*mad/)
  expect(logged).toContain('mad')
  expect(said + server.log.join('')).not.toContain('secret words')
})

const commands = [
  ['utf-8', 'writes bad UTF-8', /^isError: .*mad/],
  ['deaf', 'ignores SIGTERM', /^result: done/],
  ['exits', 'exits in a call', /^isError: .*mad/],
  ['floods', 'floods standard error', /^result: done/],
] as const

test.each(eras.flatMap((era) => commands.map((one) => [era, ...one] as const)))(
  'client of %s, and a command, %s, that %s',
  async (era, behaviour, what, expected) => {
    const data = folder()
    const upstreams = { mad: { command: command(behaviour), timeouts }, healthy: { command: command() } }
    {
      await using server = await startMcpServer({ env: environmentFor(data, upstreams) })
      const { said } = await visit(server, what, era)
      expect(said).toMatch(expected)
      const flood = linesOf(server).filter(({ stderr }) => stderr !== undefined)
      expect(flood.reduce((sum, { stderr = '' }) => sum + stderr.length, 0)).toBeLessThan(200_000)
      expect(commandsOf(data)).not.toEqual([])
    }
    expect(commandsOf(data)).toEqual([])
  },
)

test('a session for which there is no process is told to try again, not that there is no such tool', async () => {
  const upstreams = { mad: { command: command(), isolation: 'session', processes: { max: 1 } } }
  await using server = await startMcpServer({ env: environmentFor(folder(), upstreams) })
  const token = await server.sign()
  await using first = await connect(server.resource, token, '2025')
  expect(await told(first.client, 'x0')).toBe('result: done')
  await using second = await connect(server.resource, token, '2025')
  expect(await told(second.client, 'x0')).toMatch(/^isError: mad is unavailable: try again/)
  await first.transport.terminateSession()
  await expect.poll(() => told(second.client, 'x0'), soon).toBe('result: done')
})

test('200 sessions with a process each, three at a time of at most four, leave none', async () => {
  const data = folder()
  const processes = { max: 4, idle: '1s' }
  const upstreams = { healthy: { command: command(), isolation: 'session', processes } }
  {
    await using server = await startMcpServer({ env: environmentFor(data, upstreams) })
    const token = await server.sign()
    let [left, most] = [200, 0]
    const worker = async () => {
      while (left-- > 0) {
        await using connected = await connect(server.resource, token, '2025')
        expect(await told(connected.client, 'x0')).toBe('result: done')
        most = Math.max(most, commandsOf(data).length)
        await connected.transport.terminateSession()
      }
    }
    await Promise.all([worker(), worker(), worker()])
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(4)
    await expect.poll(() => commandsOf(data), soon).toEqual([])
  }
  expect(commandsOf(data)).toEqual([])
})

test.each([
  ['hangs', []],
  ['hangs and ignores signals', ['deaf']],
])('a gateway that is killed in a call leaves no command that %s', async (_what, more) => {
  const data = folder()
  await using issuer = await createTokenIssuer()
  const port = String(await freePort())
  const resource = `http://localhost:${port}/mcp`
  const env = {
    ...environmentFor(data, { mad: { command: command('hangs', ...more) } }),
    PORT: port,
    MCP_ISSUER: issuer.issuer,
    MCP_RESOURCE_URL: resource,
  }
  await using first = startProcess(env)
  await first.until('MCP server started')
  const { client } = await connect(resource, await issuer.sign({ aud: resource }), '2025')
  const call = told(client, 'x0')
  await first.until('called, and silent')
  expect(commandsOf(data)).not.toEqual([])
  first.kill('SIGKILL')
  await first.exited
  await client.close() // it would try for a minute to have its answer
  expect(await call).not.toMatch(/^result/)
  await using second = startProcess(env)
  await second.until('MCP server started')
  await expect.poll(() => commandsOf(data), soon).toEqual([])
})
