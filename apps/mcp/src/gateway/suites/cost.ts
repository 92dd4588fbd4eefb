// A program: what a call costs through the gateway, beside the same call of the same client without it; what the gateway's
// process takes for a call, a session and a call that is parked. It prints a table; it is right on a quiet machine only.
//   node --conditions=gatehouse-source apps/mcp/src/gateway/suites/cost.ts
// Without the gateway, a client of a stdio server has its pipe: what is added there includes a hop over HTTP.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createTokenIssuer, type TokenIssuer } from '@gatehouse/testing'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { freePort, requestOf } from '../../suites/mcp-server.ts'
import { startProcess } from '../../suites/process.ts'

const warmUp = 300
const rounds = 20
const callsARound = 50
const sessions = 200
const parked = 100

const program = join(import.meta.dirname, 'cost-server.ts')
/** Of the kernel: what /proc counts processor time in. */
const ticksPerSecond = 100

interface Gateway extends AsyncDisposable {
  readonly pid: number
  /** Its port. */
  readonly inspector: string
  readonly resource: string
  readonly token: string
}

async function startGateway(issuer: TokenIssuer, upstream: object): Promise<Gateway> {
  const data = mkdtempSync(join(tmpdir(), 'gatehouse-cost-'))
  const file = join(data, 'gatehouse.json')
  writeFileSync(file, JSON.stringify({ version: 1, upstreams: { one: upstream }, limits: { parked } }))
  const [port, inspector] = [String(await freePort()), String(await freePort())]
  const resource = `http://localhost:${port}/mcp`
  const run = startProcess({
    GATEHOUSE_CONFIG: file,
    DATA_DIR: data,
    MCP_SECRET: 'a-secret-of-seals-which-is-long-enough',
    PORT: port,
    MCP_ISSUER: issuer.issuer,
    MCP_RESOURCE_URL: resource,
    LOG_LEVEL: 'warn',
    NODE_OPTIONS: `--inspect=127.0.0.1:${inspector}`,
  })
  for (let up = false; !up; ) {
    up = await fetch(`http://localhost:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  }
  return {
    pid: run.pid,
    inspector,
    resource,
    token: await issuer.sign({ aud: resource }),
    async [Symbol.asyncDispose]() {
      await run[Symbol.asyncDispose]()
      rmSync(data, { recursive: true, force: true })
    },
  }
}

async function startServer(era: string, count: number): Promise<{ readonly url: string } & AsyncDisposable> {
  const child = spawn(process.execPath, [program, 'http', era, String(count)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const port = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve))
  return { url: `http://127.0.0.1:${port}/mcp`, [Symbol.asyncDispose]: async () => void child.kill() }
}

async function connect(era: string, transport: StdioClientTransport | StreamableHTTPClientTransport): Promise<Client> {
  const versionNegotiation = { mode: 'auto' } as const
  const client = new Client({ name: 'cost', version: '1' }, era === '2026' ? { versionNegotiation } : {})
  await client.connect(transport)
  await client.listTools()
  return client
}

const through = ({ resource, token }: Gateway) =>
  new StreamableHTTPClientTransport(new URL(resource), { authProvider: { token: async () => token } })

async function timed(client: Client, calls: number): Promise<number[]> {
  const times: number[] = []
  for (let call = 0; call < calls; call += 1) {
    const begun = performance.now()
    await client.callTool({ name: 'tool_0', arguments: { text: 'hello' } })
    times.push(performance.now() - begun)
  }
  return times
}

const at = (times: readonly number[], share: number) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN

/** Milliseconds of processor time so far. */
function processorOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond
}

/** Kilobytes that a process holds, after its garbage was collected. */
async function memoryOf({ inspector }: Gateway): Promise<number> {
  const listed = await fetch(`http://127.0.0.1:${inspector}/json/list`)
  const [target] = (await listed.json()) as [{ readonly webSocketDebuggerUrl: string }]
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  const ask = (method: string, params: object = {}) => {
    const answer = new Promise<string>((resolve) =>
      socket.addEventListener('message', ({ data }) => resolve(data), { once: true }),
    )
    socket.send(JSON.stringify({ id: 1, method, params }))
    return answer
  }
  await ask('HeapProfiler.collectGarbage')
  const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())'
  const { result } = JSON.parse(await ask('Runtime.evaluate', { expression }))
  socket.close()
  return result.result.value / 1024
}

async function costOfCall(issuer: TokenIssuer, transport: string, era: string, count: number): Promise<string> {
  await using server = await startServer(era, count)
  const command = [program, 'stdio', era, String(count)]
  const upstream = transport === 'stdio' ? { command: [process.execPath, ...command] } : { url: server.url }
  await using gateway = await startGateway(issuer, upstream)
  const bare =
    transport === 'stdio'
      ? new StdioClientTransport({ command: process.execPath, args: command })
      : new StreamableHTTPClientTransport(new URL(server.url))
  const [without, behind] = [await connect(era, bare), await connect(era, through(gateway))]
  for (const client of [without, behind]) await timed(client, warmUp)
  const times: { without: number[]; behind: number[] } = { without: [], behind: [] }
  const before = processorOf(gateway.pid)
  for (let round = 0; round < rounds; round += 1) {
    times.without.push(...(await timed(without, callsARound)))
    times.behind.push(...(await timed(behind, callsARound)))
  }
  const processor = (processorOf(gateway.pid) - before) / (rounds * callsARound)
  await Promise.all([without.close(), behind.close()])
  const shown = [0.5, 0.99].flatMap((share) => {
    const [plain, gated] = [at(times.without, share), at(times.behind, share)]
    return [plain, gated, gated - plain]
  })
  return [transport, era, count, ...[...shown, processor].map((value) => value.toFixed(2))].join(' | ')
}

/** Kilobytes a session of the 2025 era, and a call of a client of 2026-07-28 that waits for an answer. */
async function costOfWaiting(issuer: TokenIssuer, count: number): Promise<string> {
  await using server = await startServer('2025', count)
  await using gateway = await startGateway(issuer, { url: server.url, concurrency: 1_000 })
  const behind = await connect('2025', through(gateway))
  await timed(behind, warmUp)
  const begun = await memoryOf(gateway)
  const clients: Client[] = []
  for (let opened = 0; opened < sessions; opened += 1) clients.push(await connect('2025', through(gateway)))
  const opened = await memoryOf(gateway)
  await Promise.all([behind, ...clients].map((client) => client.close()))
  const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'ask', arguments: {} })
  const meta = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } }
  const params = message.params as { _meta?: object }
  const body = JSON.stringify({ ...message, params: { ...params, _meta: { ...params._meta, ...meta } } })
  const quiet = await memoryOf(gateway)
  for (let call = 0; call < parked; call += 1) {
    const accept = 'application/json, text/event-stream'
    const sent = { 'content-type': 'application/json', accept, authorization: `Bearer ${gateway.token}`, ...headers }
    const answer = await (await fetch(gateway.resource, { method: 'POST', headers: sent, body })).text()
    if (!answer.includes('input_required')) throw new Error(`it was not parked: ${answer}`)
  }
  const waiting = await memoryOf(gateway)
  return [count, ((opened - begun) / sessions).toFixed(0), ((waiting - quiet) / parked).toFixed(0)].join(' | ')
}

const say = (row: string) => process.stdout.write(`| ${row} |\n`)

await using issuer = await createTokenIssuer()
say('upstream | era | tools | median ms without | with | added | 99th ms without | with | added | CPU ms a call')
say(Array(10).fill('---').join(' | '))
for (const count of [1, 1_000])
  for (const transport of ['stdio', 'http'])
    for (const era of ['2025', '2026']) say(await costOfCall(issuer, transport, era, count))
process.stdout.write('\n')
say('tools | KB a session | KB a parked call')
say(Array(3).fill('---').join(' | '))
for (const count of [1, 1_000]) say(await costOfWaiting(issuer, count))
