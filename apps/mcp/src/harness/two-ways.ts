// For tests: two servers in one process with the same behind them, one with short ways and one without, asked the same
// things. What they answer, log, note and count has to be the same, ids, times and ports aside.
import { Agent, request as httpRequest } from 'node:http'
import { createMetrics } from '@gatehouse/service'
import { PerRequestHTTPServerTransport } from '@modelcontextprotocol/server'
import { expect, vi } from 'vitest'
import type { Source } from '../sources/source.ts'
import type { Asked } from './asked.ts'
import { startMcpServer, type TestServer, type TestServerOptions } from './mcp-server.ts'

interface Observed {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
  readonly lines: readonly string[]
}

export interface TwoWays extends AsyncDisposable {
  /** Asks both, and returns what each was seen to do. */
  ask(asked: Asked): Promise<{ readonly short: Observed; readonly long: Observed }>
  /** How many went the short way, and how many of those that were to go the long way did not. */
  readonly ran: { readonly short: number; readonly mistaken: number }
  /** What each counted since it was started. */
  counts(): Promise<{ readonly short: string; readonly long: string }>
}

/** `source`: made for each of them. */
export async function startTwoWays(
  source: (() => Source) | undefined,
  options: TestServerOptions = {},
): Promise<TwoWays> {
  const stack = new AsyncDisposableStack()
  const agent = new Agent({ keepAlive: true })
  stack.defer(() => agent.destroy())
  const start = async (way: 'on' | 'off', issuer?: TestServer['issuer']) => {
    const metrics = createMetrics({ ofProcess: false })
    const env = { AUDIT_TO: 'stdout', AUDIT_ARGUMENTS: 'names', ...options.env, FAST_PATHS: way }
    const given = { ...options, env, metrics, ...(source && { source: source() }), ...(issuer && { issuer }) }
    const server = stack.use(await startMcpServer(given))
    // it has the issuer's keys
    await vi.waitFor(async () => expect((await fetch(`${server.origin}/readyz`)).status).toBe(200), { timeout: 20_000 })
    server.log.length = 0
    return { server, metrics }
  }
  const short = await start('on')
  const long = await start('off', short.server.issuer)
  // where the SDK serves one request by a server of its own
  const alone = vi.spyOn(PerRequestHTTPServerTransport.prototype, 'handleMessage')
  stack.defer(() => alone.mockRestore())
  const ran = { short: 0, mistaken: 0 }
  let wasAlone = false
  // a tool may tell it
  const exp = Math.floor(Date.now() / 1000) + 600
  const tokens = { long: new Map<string, string>(), short: new Map<string, string>() }

  async function observe(way: 'short' | 'long', { claims, headers, body }: Asked): Promise<Observed> {
    const { server } = { short, long }[way]
    const key = JSON.stringify(claims)
    const token = tokens[way].get(key) ?? (await server.sign({ exp, ...claims }))
    tokens[way].set(key, token)
    const [from, servers] = [server.log.length, alone.mock.calls.length]
    const answer = await post(server, { authorization: `Bearer ${token}`, ...headers }, body, agent)
    await untilQuiet(server, from)
    const lines = server.log.slice(from).map((line) => plain(line, server))
    const isAlone = alone.mock.calls.length > servers
    if (way === 'long') wasAlone = isAlone
    else if (wasAlone && !isAlone) ran.short += 1
    else if (isAlone && !wasAlone) ran.mistaken += 1
    alone.mockClear()
    return plainAnswer({ ...answer, lines: lines.sort() }, server)
  }

  return {
    async ask(asked) {
      const long = await observe('long', asked)
      return { short: await observe('short', asked), long }
    },
    ran,
    counts: async () => ({ short: await countsOf(short.metrics), long: await countsOf(long.metrics) }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

type Metrics = ReturnType<typeof createMetrics>

async function countsOf(metrics: Metrics): Promise<string> {
  const { text } = await metrics.read()
  // and what was asked until it was ready
  const isTime = (line: string): boolean => /_sum|_bucket|_age_seconds|route="\/readyz"/.test(line)
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#') && !isTime(line))
    .sort()
    .join('\n')
}

/** A line that says the request is over is the last one, but for that of the audit. */
async function untilQuiet({ log }: TestServer, from: number): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    if (turn > 3 && log.slice(from).some((line) => line.includes('request completed') || line.includes('aborted')))
      return
  }
}

function post(
  { origin, resource }: TestServer,
  headers: Record<string, string | readonly string[] | undefined>,
  body: string,
  agent: Agent,
): Promise<Omit<Observed, 'lines'>> {
  const { pathname } = new URL(resource)
  const present = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
  return new Promise((resolve, reject) => {
    const length = { 'content-length': String(Buffer.byteLength(body)) }
    const options = { agent, method: 'POST', headers: { ...length, ...present } as Record<string, string> }
    httpRequest(`${origin}${pathname}`, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        const { rawHeaders, statusCode = 0 } = response
        const pairs = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []))
        const isDate = (pair: string): boolean => pair.startsWith('Date: ')
        const port = new URL(origin).port
        resolve({
          status: statusCode,
          headers: pairs.filter((pair) => !isDate(pair)).map((pair) => pair.replaceAll(port, 'PORT')),
          body: text,
        })
      })
    })
      .on('error', reject)
      .end(body)
  })
}

/** How long a list is good for counts down: where it is told, the length is compared with the body, and not with the other's. */
function plainAnswer(answer: Observed, { origin }: TestServer): Observed {
  const length = answer.headers.find((pair) => pair.startsWith('content-length: '))
  if (length !== undefined) expect(length).toBe(`content-length: ${Buffer.byteLength(answer.body)}`)
  const body = answer.body
    .replaceAll(new URL(origin).port, 'PORT')
    .replace(/"requestState":"[^"]*"/g, '"requestState":"…"')
    .replace(/"ttlMs":[1-9]\d*/g, '"ttlMs":1')
  if (!body.includes('"ttlMs":1')) return { ...answer, body }
  return {
    ...answer,
    body,
    headers: answer.headers.filter((pair) => pair !== length),
    lines: answer.lines.map((line) => line.replace(/"out":\d+/, '"out":0')),
  }
}

/** Without what differs from one request to the next, and from one server to the other. */
function plain(line: string, { origin }: TestServer): string {
  const { port } = new URL(origin)
  const value = JSON.parse(line, (key, member) => {
    if (passing.has(key)) return undefined
    if (typeof member !== 'string') return member
    // of a stack the first line; a number may have the digits of the port in it, too
    return (key === 'stack' ? member.split('\n')[0] : member)?.replaceAll(port, 'PORT')
  })
  return JSON.stringify(value)
}

const passing = new Set([
  'time',
  'pid',
  'hostname',
  'reqId',
  'request',
  'responseTime',
  'ms',
  'seq',
  'token',
  'at',
  'prev',
])
