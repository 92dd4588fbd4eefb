// For tests: an MCP server on the SDK, behind the fake servers' sign-in: sessions of 2025-11-25 with resumption, and
// 2026-07-28 from the same address. Its notifications come when the test says so. Not part of the library.
import { randomUUID } from 'node:crypto'
import { type IncomingMessage, ServerResponse } from 'node:http'
import {
  type NodeIncomingMessageLike,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import {
  acceptedContent,
  createMcpHandler,
  type EventStore,
  inputRequired,
  McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'

export interface McpService {
  serve(request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void>
  /** Lets the tool `start-notification-stream` send its next notification. */
  tick(): void
  /** Resolves when a client has opened a session's own stream. */
  readonly listening: Promise<void>
  /** Sends on the session's own stream. */
  announce(text: string): Promise<void>
  changeTools(): Promise<void>
  /** Cuts every open stream, as a proxy does; sessions live on. */
  cutStreams(): void
  /** Forgets all sessions, as a restart does. */
  forgetSessions(): void
  readonly sessionIds: readonly string[]
}

export interface McpServiceOptions {
  /** Whether `initialize` opens a session; if not, each request stands alone. */
  readonly sessions?: boolean
  /** Whether streams can be resumed. */
  readonly resumable?: boolean
}

const text = (content: string) => ({ content: [{ type: 'text' as const, text: content }] })

export function createMcpService({ sessions = true, resumable = true }: McpServiceOptions = {}): McpService {
  const open = new Map<string, { transport: NodeStreamableHTTPServerTransport; server: McpServer }>()
  const responses = new Set<ServerResponse>()
  const waiting: (() => void)[] = []
  let ticks = 0
  const listening = Promise.withResolvers<void>()
  const eventStore = resumable ? createEventStore() : undefined

  async function nextTick(): Promise<void> {
    if (ticks > 0) ticks -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
  }

  function createServer(): McpServer {
    const server = new McpServer(
      { name: 'fake', title: 'Fake server', version: '1.2.3' },
      { capabilities: { logging: {}, tools: { listChanged: true } } },
    )
    const name = z.object({ name: z.string() })
    const say = (context: ServerContext, data: string) =>
      context.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } })
    server.registerTool('greet', { description: 'Says hello', inputSchema: name }, async (given) =>
      text(`Hello, ${given.name}!`),
    )
    server.registerTool('multi-greet', { inputSchema: name }, async (given, context) => {
      await say(context, `about to greet ${given.name}`)
      return text(`Good morning, ${given.name}!`)
    })
    server.registerTool(
      'start-notification-stream',
      { inputSchema: z.object({ interval: z.number().default(0), count: z.number().default(3) }) },
      async ({ interval, count }, context) => {
        for (let at = 1; at <= count; at += 1) {
          if (interval > 0) await nextTick()
          await say(context, `notification ${at} of ${count}`)
        }
        return text(`sent ${count}`)
      },
    )
    server.registerTool('remove', { inputSchema: z.object({ id: z.number() }) }, async ({ id }, context) => {
      const answer = acceptedContent(context.mcpReq.inputResponses, 'confirm')
      const given = context.mcpReq.inputResponses?.confirm as { action?: string } | undefined
      if (answer) return text(`removed ${id}: ${JSON.stringify(answer)}`)
      if (given) return text(`kept ${id}: ${given.action}`)
      const requestedSchema = {
        type: 'object' as const,
        properties: { confirm: { type: 'boolean' as const }, reason: { type: 'string' as const, default: 'unused' } },
        required: ['confirm', 'reason'],
      }
      const message = `Really remove ${id}?`
      return inputRequired({ inputRequests: { confirm: inputRequired.elicit({ message, requestedSchema }) } })
    })
    server.registerTool('fail', {}, async () => ({ ...text('it broke'), isError: true }))
    server.registerPrompt(
      'greeting-template',
      { description: 'A greeting', argsSchema: z.object({ name: z.string() }) },
      (given) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Greet ${given.name}.` } }] }),
    )
    server.registerResource('greeting', 'greeting://resource', { description: 'A text' }, async (uri) => ({
      contents: [{ uri: uri.href, text: 'Hello from the resource' }],
    }))
    return server
  }

  const stateless = toNodeHandler(createMcpHandler(() => createServer()))

  async function openSession(): Promise<NodeStreamableHTTPServerTransport> {
    const server = createServer()
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void open.set(id, { transport, server }),
      onsessionclosed: (id) => void open.delete(id),
      retryInterval: 10,
      ...(eventStore && { eventStore }),
    })
    await server.connect(transport)
    return transport
  }

  return {
    listening: listening.promise,
    async serve(request, response, body) {
      responses.add(response)
      if (request.method === 'GET') {
        response.flushHeaders = () => {
          ServerResponse.prototype.flushHeaders.call(response)
          listening.resolve()
        }
      }
      response.on('close', () => responses.delete(response))
      const id = request.headers['mcp-session-id']
      if (id === undefined && !(sessions && isInitialize(body))) {
        if (request.method === 'POST') return await stateless(request as NodeIncomingMessageLike, response, body)
        response.writeHead(405).end()
        return
      }
      const transport = id === undefined ? await openSession() : open.get(String(id))?.transport
      if (transport) await transport.handleRequest(request, response, body)
      else
        response.writeHead(404).end('{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}')
    },
    tick() {
      const next = waiting.shift()
      if (next) next()
      else ticks += 1
    },
    async announce(data) {
      for (const { server } of open.values()) {
        await server.server.notification({ method: 'notifications/message', params: { level: 'info', data } })
      }
    },
    async changeTools() {
      for (const { server } of open.values()) server.sendToolListChanged()
    },
    cutStreams() {
      for (const response of responses) response.destroy()
    },
    forgetSessions() {
      open.clear()
      for (const response of responses) response.destroy()
    },
    get sessionIds() {
      return [...open.keys()]
    },
  }
}

function isInitialize(body: unknown): boolean {
  return (body as { method?: unknown } | undefined)?.method === 'initialize'
}

function createEventStore(): EventStore {
  const events: { streamId: string; message: Parameters<EventStore['storeEvent']>[1] }[] = []
  return {
    async storeEvent(streamId, message) {
      events.push({ streamId, message })
      return `e${events.length}`
    },
    async replayEventsAfter(lastEventId, { send }) {
      const from = Number(lastEventId.slice(1))
      const streamId = events[from - 1]?.streamId ?? ''
      for (const [at, event] of events.entries()) {
        if (at >= from && event.streamId === streamId && Object.keys(event.message).length > 0) {
          await send(`e${at + 1}`, event.message)
        }
      }
      return streamId
    },
  }
}
