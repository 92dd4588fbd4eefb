// For tests: a 2025-era client that speaks HTTP by hand, so that a test sees every status, header and event id, and can
// leave and come back wherever it wants.
import type { JSONRPCMessage } from '@modelcontextprotocol/server'

export interface SentEvent {
  readonly id: string | undefined
  readonly retry: string | undefined
  /** Undefined for an event without data. */
  readonly message: (JSONRPCMessage & Record<string, unknown>) | undefined
}

export interface SessionClientOptions {
  readonly resource: string
  readonly token: string
  readonly sessionId?: string | undefined
  readonly protocolVersion?: string
  readonly capabilities?: Record<string, unknown>
}

export interface SessionClient {
  readonly sessionId: string | undefined
  readonly token: string
  post(message: unknown, headers?: Record<string, string>): Promise<Response>
  get(lastEventId?: string, headers?: Record<string, string>): Promise<Response>
  delete(headers?: Record<string, string>): Promise<Response>
  /** The same session under another token. */
  as(token: string): SessionClient
}

export const initialize = (protocolVersion = '2025-11-25', capabilities: Record<string, unknown> = {}) => ({
  jsonrpc: '2.0',
  id: 'init',
  method: 'initialize',
  params: { protocolVersion, capabilities, clientInfo: { name: 'by hand', version: '1' } },
})

export const call = (id: number | string, name: string, args: Record<string, unknown> = {}, meta?: object) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args, ...(meta && { _meta: meta }) },
})

/** Opens a session. */
export async function openSession(options: SessionClientOptions): Promise<SessionClient> {
  const { protocolVersion = '2025-11-25', capabilities } = options
  const response = await sessionClient(options).post(initialize(protocolVersion, capabilities))
  await response.text()
  const client = sessionClient({ ...options, sessionId: response.headers.get('mcp-session-id') ?? undefined })
  await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return client
}

export function sessionClient(options: SessionClientOptions): SessionClient {
  const { resource, token, sessionId, protocolVersion = '2025-11-25' } = options
  const send = (method: string, headers: Record<string, string>, body?: string) =>
    fetch(resource, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(sessionId && { 'mcp-session-id': sessionId, 'mcp-protocol-version': protocolVersion }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    })
  return {
    sessionId,
    token,
    post: (message, headers = {}) =>
      send(
        'POST',
        { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
        JSON.stringify(message),
      ),
    get: (lastEventId, headers = {}) =>
      send('GET', { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }), ...headers }),
    delete: (headers = {}) => send('DELETE', headers),
    as: (other) => sessionClient({ ...options, token: other }),
  }
}

export interface EventReader {
  /** The next event, comments left out. Undefined at the end, or when the connection breaks. */
  next(): Promise<SentEvent | undefined>
  /** Everything up to the end. */
  rest(): Promise<SentEvent[]>
  /** Leaves without a word. */
  cancel(): Promise<void>
}

export function readEvents(response: Response): EventReader {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  async function next(): Promise<SentEvent | undefined> {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const block = text.slice(0, end)
        text = text.slice(end + 2)
        const event = parse(block)
        if (event) return event
        continue
      }
      const { value, done } = (await reader?.read().catch(() => undefined)) ?? { done: true, value: undefined }
      if (done) return undefined
      text += value
    }
  }
  return {
    next,
    rest: async () => {
      const events: SentEvent[] = []
      for (let event = await next(); event; event = await next()) events.push(event)
      return events
    },
    cancel: async () => {
      await reader?.cancel().catch(() => undefined)
    },
  }
}

function parse(block: string): SentEvent | undefined {
  const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1]
  const [id, retry, data] = [field('id'), field('retry'), field('data')]
  if (id === undefined && retry === undefined && data === undefined) return undefined
  return { id, retry, message: data ? JSON.parse(data) : undefined }
}

/** What the messages of a tool's notifications say. */
export function textsOf(events: readonly SentEvent[]): string[] {
  return events.flatMap(({ message }) => {
    const data = (message?.params as { data?: unknown } | undefined)?.data
    return typeof data === 'string' ? [data] : []
  })
}

export const hasAnswer = ({ message }: SentEvent): boolean =>
  message !== undefined && ('result' in message || 'error' in message)
