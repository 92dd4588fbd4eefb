// All that belongs to one endpoint: who may call it, what is served there, and its sessions. How a request gets there, and
// in which order it is asked what, is in http.ts.
import type { Guard } from '@gatehouse/guard'
import type { SessionNews, SessionStore } from '@gatehouse/mcp-sessions'
import { type AuthInfo, createMcpHandler, type Server } from '@modelcontextprotocol/server'
import { noteAnswer } from './call-audit.ts'
import type { Common } from './common.ts'
import { type Exchanges, openExchanges } from './exchanges.ts'
import { eraOf } from './inbound.ts'
import { createKnownEnvelopes } from './known-envelopes.ts'
import type { createOriginCheck } from './origins.ts'
import { type Message, type Served, servedIn } from './served.ts'
import { createSessionAnswers, type SessionAnswers } from './session-answers.ts'

export interface McpEndpointOptions {
  readonly guard: Guard
  readonly issuer: string
  readonly checkOrigin: ReturnType<typeof createOriginCheck>
  readonly served: Served
  /** Undefined: no sessions. */
  readonly store: SessionStore | undefined
  readonly common: Common
  /** Whether requests may go the short way. */
  readonly fastPaths: boolean
}

type Handler = ReturnType<typeof createMcpHandler>

export interface McpEndpoint extends Pick<McpEndpointOptions, 'guard' | 'checkOrigin' | 'served'> {
  readonly resource: string
  /** Of the resource, as its URL has it. */
  readonly path: string
  readonly sessions: SessionAnswers | undefined
  readonly eraOf: typeof eraOf
  /** Serves requests that stand alone. */
  readonly handler: Pick<Handler, 'fetch'>
  /** The short way of a request that stands alone in 2026-07-28. Undefined: it goes the long way. */
  exchangesFor(authInfo: AuthInfo): Promise<Exchanges> | undefined
  /** Serves one client that listens (2026-07-28). To be closed. */
  listening(authInfo: AuthInfo, message: Message): Handler
  /** Aborted when it is about to end, by itself or with the process: streams that only wait end then. */
  readonly ending: AbortSignal
  /** Ends the streams that only wait. */
  end(): void
  /** Counts a request until the function that it returns is called. */
  enter(): () => void
  /** Resolves when nothing is under way here, after so many milliseconds at the latest. */
  idle(most: number): Promise<void>
  /** Answers in the place of what still works. */
  stop(): Promise<unknown>
}

export function createMcpEndpoint(options: McpEndpointOptions): McpEndpoint {
  const { guard, issuer, checkOrigin, served, store, common, fastPaths } = options
  const { answer, unsent, keepAlive, onerror, log } = common
  const { closing } = common.connections
  const { resource } = guard
  const ended = new AbortController()
  const end = (): void => {
    closing.removeEventListener('abort', end)
    ended.abort()
  }
  closing.addEventListener('abort', end)

  let underWay = 0
  let onIdle: () => void = () => undefined

  const createServer = (authInfo: AuthInfo | undefined, session?: SessionNews): Server => {
    const request = servedIn(authInfo)
    return noteAnswer(served.createServer({ ...request, session }), request.note)
  }
  const handling = { onerror, keepAliveMs: keepAlive, maxSubscriptions: common.streamLimits.total }
  const exchanges = new Map<Server, Promise<Exchanges>>()
  const handler = createMcpHandler(({ authInfo }) => createServer(authInfo), handling)
  const sessions =
    store &&
    createSessionAnswers({
      store,
      issuer,
      resource,
      createServer,
      onNotification: (authInfo, notification, session) =>
        served.notified?.({ ...servedIn(authInfo), session }, notification),
      onEnd: (key) => served.ended?.(key),
      answer,
      unsent,
      keepAlive,
      closing: ended.signal,
      onerror,
      onRefusal: (reason) => log.warn({ reason }, 'a client is served without a session'),
    })

  return {
    guard,
    checkOrigin,
    served,
    resource,
    path: new URL(resource).pathname,
    sessions,
    eraOf: fastPaths ? createKnownEnvelopes() : eraOf,
    handler,
    exchangesFor(authInfo) {
      const server = fastPaths ? served.sharedServer(servedIn(authInfo)) : undefined
      const known = server && exchanges.get(server)
      if (!server || known) return known
      const opened = openExchanges(server)
      exchanges.set(server, opened)
      return opened
    },
    listening(authInfo, message) {
      const bus = served.events?.(servedIn(authInfo), message)
      return createMcpHandler(() => createServer(authInfo), { ...handling, ...(bus && { bus }) })
    },
    ending: ended.signal,
    end,
    enter() {
      underWay += 1
      return () => {
        underWay -= 1
        if (underWay === 0) onIdle()
      }
    },
    async idle(most) {
      if (underWay === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      onIdle = resolve
      const timer = setTimeout(resolve, most).unref()
      await promise
      clearTimeout(timer)
    },
    async stop() {
      const short = [...exchanges.values()].map(async (opened) => (await opened).close())
      await Promise.all([handler.close(), sessions?.close(), ...short])
    },
  }
}
