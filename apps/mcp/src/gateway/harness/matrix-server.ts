// For tests: a server that has everything that a client may meet, in either era, and sends it as it is written here.
import {
  InMemoryServerEventBus,
  ProtocolError,
  Server,
  type ServerContext,
  type ServerOptions,
} from '@modelcontextprotocol/server'
import type { Json, Members, Request } from '../upstreams/contract.ts'
import { randomDefinition, randomResult } from './random-json.ts'

export const matrixEvents = new InMemoryServerEventBus()
export const odd = {
  content: [
    { type: 'hologram', depth: { of: ['field', null, 1.5] } },
    { type: 'text', text: 'plain', shade: 'grey', annotations: { audience: ['user'], mood: 'fine' } },
  ],
  structuredContent: { 'a b': [null, { '': 'ü' }] },
  verdict: { unknown: true },
}
export const watched = 'test://matrix/watched'
export const bigText = 9_000_000

const questions: Readonly<Record<string, Request>> = {
  form: {
    method: 'elicitation/create',
    params: {
      mode: 'form',
      message: 'Who are you?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    },
  },
  url: {
    method: 'elicitation/create',
    params: { mode: 'url', message: 'Confirm', url: 'https://pay.example.com/confirm', elicitationId: 'one' },
  },
  sampling: {
    method: 'sampling/createMessage',
    params: { messages: [{ role: 'user', content: { type: 'text', text: 'Say yes' } }], maxTokens: 10 },
  },
  roots: { method: 'roots/list' },
}

/** Takes everything as it is. */
const anything = {
  '~standard': { version: 1, vendor: 'fixture', validate: (value: unknown) => ({ value }) },
} as const

let cancelled = Promise.withResolvers<string>()
let changes = 0
const given = Array.from({ length: 40 }, (_, seed) => randomDefinition(seed))
const plain = { type: 'object' } as const
const text = (words: string) => ({ content: [{ type: 'text', text: words }] })

type Answer = Members | Promise<Members>

const tools: Readonly<Record<string, (args: Members, context: ServerContext, params: Members) => Answer>> = {
  echo: ({ message }) => text(`Echo: ${message}`),
  give: ({ seed }) => randomResult(seed),
  odd: () => odd,
  big: () => text('x'.repeat(bigText)),
  async progress(_args, context) {
    for (let progress = 1; progress <= 200; progress++) await tellProgress(context, progress)
    return text('done')
  },
  async log(_args, { mcpReq }) {
    await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data: 'told' } })
    return text('logged')
  },
  async wait(_args, context) {
    const { signal } = context.mcpReq
    cancelled = Promise.withResolvers<string>()
    const { resolve } = cancelled
    signal.addEventListener('abort', () => resolve('cancelled'), { once: true })
    await tellProgress(context, 1)
    return new Promise(() => undefined)
  },
  cancelled: async () => text(await cancelled.promise),
  async ask({ kind }, context) {
    const question = questions[kind] as Request
    if (!isModern(context)) {
      return text(JSON.stringify(await context.mcpReq.send(question as never, anything as never)))
    }
    const answer = (context.mcpReq.inputResponses as Members | undefined)?.mine
    if (answer) return text(JSON.stringify(answer))
    return { resultType: 'input_required', inputRequests: { mine: question } }
  },
  change() {
    changes += 1
    matrixEvents.publish({ kind: 'tools_list_changed' })
    return text('changed')
  },
  touch() {
    matrixEvents.publish({ kind: 'resource_updated', uri: watched })
    return text('touched')
  },
  task(_args, context, params) {
    const task = {
      taskId: 'theirs',
      status: 'working',
      createdAt: '2026-01-01T00:00:00Z',
      lastUpdatedAt: '2026-01-01T00:00:00Z',
      ttl: 60_000,
    }
    if (takesTasks(context)) return { resultType: 'task', ...task, ttlMs: 60_000 }
    return params.task ? { task } : text('ran plainly')
  },
}

async function tellProgress({ mcpReq }: ServerContext, progress: number): Promise<void> {
  const progressToken = mcpReq._meta?.progressToken
  if (progressToken === undefined) return
  await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 200 } })
}

function isModern({ mcpReq }: ServerContext): boolean {
  return mcpReq.envelope !== undefined
}

/** An extension of 2026-07-28. */
function takesTasks({ mcpReq }: ServerContext): boolean {
  const { 'io.modelcontextprotocol/clientCapabilities': declared } = (mcpReq.envelope ?? {}) as Members
  return declared?.extensions?.['io.modelcontextprotocol/tasks'] !== undefined
}

function definitions(): Members[] {
  const own = Object.keys(tools).map((name) => ({ name, description: `Change ${changes}`, inputSchema: plain }))
  return [
    ...own.map((tool) => (tool.name === 'task' ? { ...tool, execution: { taskSupport: 'optional' } } : tool)),
    ...given,
  ]
}

async function answer(method: string, params: Members, context: ServerContext): Promise<Members> {
  switch (method) {
    case 'tools/list':
      return { tools: definitions() }
    case 'tools/call': {
      const run = tools[params.name]
      if (!run) throw new ProtocolError(-32_602, 'No such tool')
      return run(params.arguments ?? {}, context, params)
    }
    case 'prompts/list':
      return { prompts: [{ name: 'visit', arguments: [{ name: 'city', required: true }] }] }
    case 'resources/list':
      return { resources: [{ uri: watched, name: 'watched' }] }
    case 'resources/templates/list':
      return { resourceTemplates: [] }
    case 'resources/read':
      return { contents: [{ uri: params.uri, text: 'watched' }] }
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return {}
    case 'completion/complete':
      return { completion: { values: ['paris', 'park'], total: 2, hasMore: false } }
    case 'tasks/get':
      return {
        ...{ taskId: params.taskId, status: 'completed', createdAt: '2026-01-01T00:00:00Z' },
        ...{ lastUpdatedAt: '2026-01-01T00:00:01Z', ttl: 60_000, ttlMs: 60_000 },
        ...(isModern(context) && { result: { resultType: 'complete', ...text('done') } }),
      }
    case 'tasks/result':
      return text('done')
  }
  throw new ProtocolError(-32_601, 'Method not found')
}

export function matrixServer(): Server {
  const capabilities: ServerOptions['capabilities'] = {
    tools: { listChanged: true },
    prompts: {},
    resources: { subscribe: true, listChanged: true },
    completions: {},
    logging: {},
    tasks: { requests: { tools: { call: {} } } },
  }
  const server = new Server({ name: 'matrix', version: '1' }, { capabilities })
  const answered = async (method: string, params: Members, context: ServerContext): Promise<Json> => {
    const result = await answer(method, params, context)
    if (!isModern(context)) return result
    const isHinted = /list$|read$/.test(method)
    return { resultType: 'complete', ...(isHinted && { ttlMs: 0, cacheScope: 'private' }), ...result }
  }
  server.fallbackRequestHandler = ({ method, params }, context) => answered(method, (params ?? {}) as Members, context)
  // The SDK knows this one, and would ask a handler of its own.
  server.setRequestHandler(
    'tasks/get' as never,
    { params: anything } as never,
    ((params: Members, context: ServerContext) => answered('tasks/get', params, context)) as never,
  )
  return server
}
