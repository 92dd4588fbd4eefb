// The MCP server behind a saved sign-in. The only folder, with discovery, that knows the MCP SDK.

import { ClientError, type Fetch } from '@gatehouse/network'
import { type UpstreamTrouble, upstreamTroubles, upstreamTroublesMember } from '@gatehouse/shared'
import {
  type CallToolResult,
  Client,
  type GetPromptResult,
  type Implementation,
  LOG_LEVEL_META_KEY,
  type Prompt,
  type ReadResourceResult,
  type RequestOptions,
  type Resource,
  type Tool,
} from '@modelcontextprotocol/client'
import type { TokenSource } from '../session/token-source.ts'
import { version } from '../version.ts'
import { answerQuestions, elicitation, type OnQuestion } from './elicitation.ts'
import { createEventIds, type OnEventId } from './event-ids.ts'
import { mcpError, type Subject } from './mcp-error.ts'
import { isOwnProgress, type OnNotice, progressNotice, watchLists, watchNotices } from './notice.ts'
import { createTransport, type Exchange, exchanges } from './transport.ts'

/** What may go with a request. */
export interface Stop {
  readonly signal?: AbortSignal | undefined
}

export interface CallOptions extends Stop {
  /** Takes up the answer of an earlier, cut call after this event instead of calling again. Sessions only. */
  readonly resumeFrom?: string | undefined
  /** Told where the answer's stream is, for `resumeFrom`. */
  readonly onEventId?: OnEventId | undefined
  /** Told when the server has accepted the call; what fails before that was not begun. */
  readonly onAccepted?: (() => void) | undefined
}

export interface McpConnection {
  readonly protocolVersion: string
  /** Absent: the server keeps no session, every request stands alone. */
  readonly sessionId: string | undefined
  readonly server: Implementation | undefined
  listTools(stop?: Stop): Promise<readonly Tool[]>
  /** Which of the servers behind it are in trouble, where it is a gateway that says so. */
  upstreamTroubles(stop?: Stop): Promise<readonly UpstreamTrouble[]>
  /** The tool's result, `isError` included. */
  callTool(name: string, args: Record<string, unknown>, options?: CallOptions): Promise<CallToolResult>
  listPrompts(stop?: Stop): Promise<readonly Prompt[]>
  getPrompt(name: string, args: Record<string, string>, stop?: Stop): Promise<GetPromptResult>
  listResources(stop?: Stop): Promise<readonly Resource[]>
  readResource(uri: string, stop?: Stop): Promise<ReadResourceResult>
  /** Cuts the connection and leaves the session open at the server. Calls that are under way fail here. */
  suspend(): Promise<void>
  /** Takes the session up where `suspend` left it; what the server said meanwhile comes as notices. `session_ended`: it is gone. */
  resume(): Promise<void>
  /** Ends the session at the server, suspended or not. `false`: no session. */
  terminateSession(): Promise<boolean>
  /** Ends the session, if there is one, and the connection. */
  close(): Promise<void>
}

/** 2025-11-25 asks for a session (`initialize`), 2026-07-28 has none; `auto` is the newer one where the server has it. */
export type Protocol = 'auto' | '2025-11-25' | '2026-07-28'

export interface ConnectOptions {
  readonly url: URL
  readonly tokens: TokenSource
  readonly fetch: Fetch
  readonly protocol?: Protocol | undefined
  readonly onNotice?: OnNotice | undefined
  /** Also hear that lists change, which in 2026-07-28 takes a stream that stays open. */
  readonly listen?: boolean | undefined
  /** Answers what the server asks while it works; absent: it is told that nobody can be asked. */
  readonly onQuestion?: OnQuestion | undefined
  readonly signal?: AbortSignal | undefined
}

const closeSeconds = 2

export async function connectToServer(options: ConnectOptions): Promise<McpConnection> {
  const { url, protocol = 'auto', onNotice = () => {}, onQuestion, signal } = options
  const eventIds = createEventIds()
  let transport = createTransport({ ...options, eventIds })
  const client = new Client(
    { name: 'gatehouse', version },
    {
      versionNegotiation: {
        mode: protocol === 'auto' ? 'auto' : protocol === '2025-11-25' ? 'legacy' : { pin: protocol },
      },
      ...(options.listen && { listChanged: watchLists(onNotice) }),
      ...(onQuestion && { capabilities: { elicitation } }),
    },
  )
  watchNotices(client, onNotice)
  if (onQuestion) answerQuestions(client, onQuestion)

  let suspended = false

  /** With the connection's signal and the request's, and with errors of ours. */
  async function request<T>(
    send: (options: RequestOptions) => Promise<T>,
    stop?: Stop,
    subject?: Subject,
    exchange?: Partial<Exchange>,
  ): Promise<T> {
    const tooMuch = new AbortController()
    const onTooMuch = (error: ClientError) => tooMuch.abort(error)
    const signals = [tooMuch.signal, signal, stop?.signal].filter((one) => one !== undefined)
    try {
      return await exchanges.run({ onTooMuch, ...exchange }, () => send({ signal: AbortSignal.any(signals) }))
    } catch (error) {
      for (const one of signals) one.throwIfAborted()
      throw mcpError(url, error, { inSession: transport.sessionId !== undefined, subject })
    }
  }

  /** Where the server has none of it the SDK would say so on standard output, which is not its to write to. */
  async function list<T>(subject: Subject, send: (options: RequestOptions) => Promise<T[]>, stop?: Stop): Promise<T[]> {
    if (!client.getServerCapabilities()?.[subject]) return []
    return await request(send, stop, subject, { tally: { bytes: 0 } })
  }

  /** A transport for the session that `suspend` left. */
  function again() {
    const { sessionId, protocolVersion } = transport
    if (sessionId === undefined || protocolVersion === undefined) throw noSession()
    return createTransport({ ...options, eventIds, session: { sessionId, protocolVersion } })
  }

  async function terminateSession(): Promise<boolean> {
    if (transport.sessionId === undefined) return false
    if (suspended) {
      transport = again()
      await transport.start()
    }
    await request(() => transport.terminateSession())
    return true
  }

  await request((sending) => client.connect(transport, sending))

  return {
    get protocolVersion() {
      return client.getNegotiatedProtocolVersion() ?? ''
    },
    get sessionId() {
      return transport.sessionId
    },
    get server() {
      return client.getServerVersion()
    },
    listTools: (stop) => list('tools', async (sending) => (await client.listTools(undefined, sending)).tools, stop),
    async upstreamTroubles(stop) {
      if (!client.getServerCapabilities()?.tools) return []
      const { _meta } = await request((sending) => client.listTools(undefined, sending), stop, 'tools')
      return upstreamTroubles.catch([]).parse(_meta?.[upstreamTroublesMember])
    },
    callTool(name, args, stop = {}) {
      const { resumeFrom, onEventId, onAccepted } = stop
      if (resumeFrom !== undefined && onEventId) eventIds.follow(resumeFrom, onEventId)
      const params = { name, arguments: args, _meta: { [LOG_LEVEL_META_KEY]: 'info' } }
      const call = (sending: RequestOptions) =>
        client.callTool(params, {
          ...sending,
          onprogress(progress) {
            if (!isOwnProgress(progress)) onNotice(progressNotice(progress))
          },
          resetTimeoutOnProgress: true,
          resumptionToken: resumeFrom,
          onresumptiontoken: onEventId,
        })
      return request(call, stop, 'tools', { onAccepted })
    },
    listPrompts: (stop) =>
      list('prompts', async (sending) => (await client.listPrompts(undefined, sending)).prompts, stop),
    getPrompt: (name, args, stop) =>
      request((sending) => client.getPrompt({ name, arguments: args }, sending), stop, 'prompts'),
    listResources: (stop) =>
      list('resources', async (sending) => (await client.listResources(undefined, sending)).resources, stop),
    readResource: (uri, stop) => request((sending) => client.readResource({ uri }, sending), stop, 'resources'),
    async suspend() {
      suspended = true
      await transport.close() // not the client's close(), which would forget what the server can do
    },
    async resume() {
      transport = again()
      suspended = false
      await request(async (sending) => {
        await client.connect(transport, sending)
        await client.ping(sending) // the first request that can tell whether the session is still there
        await transport.resumeStream(eventIds.last ?? '')
      })
    },
    terminateSession,
    async close() {
      const leaving = terminateSession().catch(() => {})
      await Promise.race([leaving, new Promise((resolve) => setTimeout(resolve, closeSeconds * 1000).unref())])
      await transport.close().catch(() => {})
      await client.close()
    },
  }
}

function noSession(): ClientError {
  return new ClientError('session_ended', 'There is no session to take up again.', {
    reason: 'The server keeps none, or it was ended.',
  })
}
