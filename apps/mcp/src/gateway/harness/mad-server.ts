// For tests: an upstream over HTTP, of the 2025 era without a session, that goes wrong in one way.
import { createServer, type ServerResponse } from 'node:http'
import { listen } from '@gatehouse/testing'
import type { Json } from '../upstreams/contract.ts'

type Answer = (response: ServerResponse, message: Json) => void

const dripping = (type: string, text: string): Answer => {
  return (response) => {
    response.writeHead(200, { 'content-type': type })
    const timer = setInterval(() => response.write(text), 100)
    response.once('close', () => clearInterval(timer))
  }
}
const tools = (count: number) => Array.from({ length: count }, (_, at) => ({ name: `x${at}`, inputSchema }))
const inputSchema = { type: 'object' }

const wrongs = {
  hangs: () => undefined,
  'drips bytes of JSON': dripping('application/json', ' '),
  'drips comments on a stream': dripping('text/event-stream', ': still here\n\n'),
  closes: (response) => response.destroy(),
  'answers 500': (response) => response.writeHead(500).end('secret words of a stack trace'),
  'answers 404': (response) => response.writeHead(404).end('secret words of a stack trace'),
  'answers HTML': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>secret words</p>'),
} as const satisfies Record<string, Answer>

let pages = 0
const lists = {
  'lists pages without end': (response, { id }) =>
    say(response, { id, result: { tools: [{ name: `x${pages++}`, inputSchema }], nextCursor: String(pages) } }),
  'lists the same page again and again': (response, { id }) =>
    say(response, { id, result: { tools: tools(1), nextCursor: 'again' } }),
  'lists 100,000 tools': (response, { id }) => say(response, { id, result: { tools: tools(100_000) } }),
} as const satisfies Record<string, Answer>

/** Where it goes wrong: at a call, at everything, or at listing. */
export const madnesses = [
  ...Object.entries(wrongs).flatMap(([what, answer]) => [
    { title: `${what} at a call`, at: /^tools\/call$/, answer },
    { title: `${what} always`, at: /./, answer },
  ]),
  ...Object.entries(lists).map(([title, answer]) => ({ title, at: /^tools\/list$/, answer })),
] as const satisfies readonly Madness[]

export interface Madness {
  readonly title: string
  /** Methods that it goes wrong at. */
  readonly at: RegExp
  readonly answer: Answer
}

const sane: Readonly<Record<string, object>> = {
  initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'mad', version: '1' } },
  'tools/list': { tools: tools(1) },
  'tools/call': { content: [] },
}

export async function startMadServer({ at, answer }: Madness): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const message = JSON.parse(text)
    if (at.test(message.method)) return answer(response, message)
    const result = sane[message.method]
    if (message.id === undefined) response.writeHead(202).end()
    else if (result) say(response, { id: message.id, result })
    else say(response, { id: message.id, error: { code: -32_601, message: 'Method not found' } })
  })
  const { origin, stop } = await listen(server)
  return {
    url: `${origin}/mcp`,
    [Symbol.asyncDispose]: stop,
  }
}

function say(response: ServerResponse, message: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', ...message }))
}
