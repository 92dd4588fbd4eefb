// The server that the repl is connected to: one connection that stays, the session behind it, and the calls that go on
// in the background.

import { ClientError } from '@gatehouse/network'
import type { CallToolResult } from '@modelcontextprotocol/client'
import type { Access } from '../commands/command.ts'
import type { McpConnection, Protocol, Stop } from '../mcp/connection.ts'
import type { Notice } from '../mcp/notice.ts'
import { createBackgroundCalls } from './background-calls.ts'
import { openConnection } from './open-connection.ts'

/** What has names that can be asked for. */
export type Named = 'tools' | 'prompts' | 'resources'

export interface LiveServerOptions {
  readonly url: URL
  /** Signing in to a server; the address is as somebody typed it. */
  readonly accessTo: (url: string | URL) => Access
  readonly protocol: Protocol | undefined
  /** Seconds to wait for a person who signs in. */
  readonly timeout: number | undefined
  readonly onNotice: (notice: Notice) => void
  /** Told when the server has lost the session and another one was opened. */
  readonly onNewSession: () => void
  /** Told what a call in the background will come to. */
  readonly onResult: (name: string, outcome: Promise<CallToolResult>) => void
}

export interface LiveServer {
  readonly url: URL
  /** Absent while nothing is connected. */
  readonly connection: McpConnection | undefined
  /** Connects, after signing in if that is needed; to another server if `url` says so. `false`: it was connected. */
  connect(url: string | undefined, stop: Stop): Promise<boolean>
  /** Leaves the session at the server for `reconnect`. `false`: nothing was connected. */
  disconnect(): Promise<boolean>
  /** Takes the session up again, and with it the answers that were under way; opens a new one if it is gone. */
  reconnect(stop: Stop): Promise<void>
  /** Ends the session at the server. `false`: no session. */
  terminateSession(): Promise<boolean>
  /** Runs `work` on the connection, stepping up if the server asks for it, in a new session if the old one is gone. */
  ask<T>(work: (server: McpConnection) => Promise<T>, stop: Stop): Promise<T>
  /** Calls a tool and comes back when the server has accepted the call; its result goes to `onResult`. */
  startCall(name: string, args: Record<string, unknown>, stop: Stop): Promise<void>
  /** Waits for the calls in the background. */
  settle(): Promise<void>
  /** The names there are, as far as they are known or can be had without asking anybody. */
  names(kind: Named): Promise<readonly string[]>
  /** Ends the session and the connection. Of calls that go on nothing more is told. */
  close(): Promise<void>
}

export function createLiveServer(options: LiveServerOptions): LiveServer {
  const { accessTo, protocol, timeout, onNewSession, onResult } = options
  let access = accessTo(options.url)
  let connection: McpConnection | undefined
  let suspended = false
  const known = new Map<string, Promise<readonly string[]>>()
  const calls = createBackgroundCalls({
    callTool: (name, args, call) => ask((server) => server.callTool(name, args, call), call),
    onResult,
  })

  function onNotice(notice: Notice): void {
    known.delete(/^notifications\/(\w+)\/list_changed$/.exec(notice.method)?.[1] ?? '')
    options.onNotice(notice)
  }

  const steppingUp = <T>(work: () => Promise<T>, { signal }: Stop) =>
    access.client.steppingUp(work, { timeout, signal })

  async function open(stop: Stop): Promise<McpConnection> {
    await leave()
    const connecting = () => openConnection(access.client, { protocol, onNotice, listen: true })
    connection = await access.signingIn(() => steppingUp(connecting, stop), stop)
    return connection
  }

  async function leave(): Promise<void> {
    calls.drop()
    const leaving = connection
    connection = undefined
    suspended = false
    known.clear()
    await leaving?.close()
  }

  async function ask<T>(work: (server: McpConnection) => Promise<T>, stop: Stop): Promise<T> {
    if (!connection || suspended) throw notConnected(suspended)
    const asking = async () => {
      try {
        return await work(connection ?? (await open(stop)))
      } catch (error) {
        if (!isSessionEnd(error)) throw error
        const server = await open(stop)
        onNewSession()
        return await work(server) // 404 says that nothing was done: the request can be sent again
      }
    }
    return await access.signingIn(() => steppingUp(asking, stop), stop)
  }

  async function suspend(server: McpConnection): Promise<void> {
    suspended = true
    calls.cut()
    await server.suspend()
  }

  return {
    get url() {
      return access.client.url
    },
    get connection() {
      return suspended ? undefined : connection
    },
    async connect(url, stop) {
      const next = url === undefined ? access : accessTo(url)
      const same = next.client.url.href === access.client.url.href
      if (same && connection && !suspended) return false
      if (!same) {
        await leave()
        access = next
      }
      await open(stop)
      return true
    },
    async disconnect() {
      if (!connection || suspended) return false
      await (connection.sessionId === undefined ? leave() : suspend(connection))
      return true
    },
    async reconnect(stop) {
      if (connection?.sessionId === undefined) {
        await open(stop)
        return
      }
      if (!suspended) await suspend(connection)
      try {
        await connection.resume()
        suspended = false
        calls.resume(stop)
      } catch (error) {
        if (!isSessionEnd(error)) throw error
        await open(stop)
        onNewSession()
      }
    },
    async terminateSession() {
      const ended = (await connection?.terminateSession()) ?? false
      if (ended) await leave()
      return ended
    },
    ask,
    startCall: (name, args, stop) => calls.start(name, args, stop),
    settle: () => calls.settle(),
    async names(kind) {
      if (!connection || suspended) return []
      const found = known.get(kind) ?? listNames(connection, kind).catch(() => [])
      known.set(kind, found)
      return await found
    },
    async close() {
      calls.forget()
      await leave()
    },
  }
}

async function listNames(server: McpConnection, kind: Named): Promise<string[]> {
  if (kind === 'tools') return (await server.listTools()).map(({ name }) => name)
  if (kind === 'prompts') return (await server.listPrompts()).map(({ name }) => name)
  return (await server.listResources()).map(({ uri }) => uri)
}

function isSessionEnd(error: unknown): boolean {
  return error instanceof ClientError && error.code === 'session_ended'
}

function notConnected(suspended: boolean): ClientError {
  return new ClientError('usage', 'You are not connected.', {
    hint: suspended ? 'Go on with the session: reconnect' : 'Connect first: connect',
  })
}
