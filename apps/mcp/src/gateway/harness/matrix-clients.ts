// For tests: the SDK's clients, connected to a server, with people and models behind them that always say the same.
import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResultSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { TestServer } from '../../harness/mcp-server.ts'
import type { Era, Members } from '../upstreams/contract.ts'

export const clientNames = ['SDK v1', 'SDK v2, 2025', 'SDK v2, 2026'] as const
export type ClientName = (typeof clientNames)[number]

export interface RequestOptions {
  readonly onprogress?: (progress: { readonly progress: number }) => void
  readonly signal?: AbortSignal
}

export interface MatrixClient extends AsyncDisposable {
  readonly era: Era
  /** What its transport received, in order. */
  readonly wire: readonly Members[]
  /** Resolves with what the client makes of the result. */
  request(method: string, params?: Members, options?: RequestOptions): Promise<Members>
  /** `subscriptions/listen`, in its era. */
  listen(filter: { readonly toolsListChanged?: boolean; readonly resourceSubscriptions?: string[] }): Promise<void>
}

export const answers = {
  form: { action: 'accept', content: { name: 'Ada' } },
  url: { action: 'accept' },
  sampling: { role: 'assistant', model: 'none', content: { type: 'text', text: 'yes' } },
  roots: { roots: [{ uri: 'file:///work', name: 'work' }] },
} as const

const identity = { name: 'matrix', version: '1' }
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } }
/** Takes everything as it is. */
const anything = {
  '~standard': { version: 1, vendor: 'matrix', validate: (value: unknown) => ({ value }) },
} as const

export async function connectClient(name: ClientName, server: TestServer): Promise<MatrixClient> {
  const token = await server.sign()
  return name === 'SDK v1' ? connectLegacy(server, token) : connectModern(server, token, name.endsWith('2026'))
}

async function connectLegacy({ resource }: TestServer, token: string): Promise<MatrixClient> {
  const client = new LegacyClient(identity, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => ({
    ...(params.mode === 'url' ? answers.url : answers.form),
  }))
  client.setRequestHandler(CreateMessageRequestSchema, async () => answers.sampling)
  client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [...answers.roots.roots] }))
  const headers = { authorization: `Bearer ${token}` }
  const transport = new LegacyTransport(new URL(resource), { requestInit: { headers } })
  await client.connect(transport as Parameters<typeof client.connect>[0])
  return {
    era: '2025',
    wire: recorded(transport),
    request: (method, params, options = {}) => client.request({ method, params } as never, ResultSchema, options),
    listen: notThere,
    [Symbol.asyncDispose]: () => client.close(),
  }
}

async function connectModern({ resource }: TestServer, token: string, isModern: boolean): Promise<MatrixClient> {
  const extensions = { 'io.modelcontextprotocol/tasks': {} }
  const client = new Client(identity, {
    capabilities: { ...capabilities, ...(isModern && { extensions }) },
    ...(isModern && { versionNegotiation: { mode: 'auto' } }),
  } as ClientOptions)
  client.setRequestHandler('elicitation/create', async ({ params }) => ({
    ...(params.mode === 'url' ? answers.url : answers.form),
  }))
  client.setRequestHandler('sampling/createMessage', async () => answers.sampling)
  client.setRequestHandler('roots/list', async () => ({ roots: [...answers.roots.roots] }))
  const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: { token: async () => token } })
  await client.connect(transport)
  return {
    era: isModern ? '2026' : '2025',
    wire: recorded(transport),
    request: async (method, params, options = {}) =>
      (await client.request({ method, ...(params && { params }) }, anything as never, options)) as Members,
    listen: async (filter) => void (await client.listen(filter)),
    [Symbol.asyncDispose]: () => client.close(),
  }
}

async function notThere(): Promise<never> {
  throw new Error('a client of 2025 has no subscriptions/listen')
}

/** From now on. */
function recorded(transport: { onmessage?: unknown }): Members[] {
  const messages: Members[] = []
  const next = transport.onmessage as (message: Members, ...more: unknown[]) => void
  transport.onmessage = (message: Members, ...more: unknown[]) => {
    messages.push(message)
    next(message, ...more)
  }
  return messages
}
