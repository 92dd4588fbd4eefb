// JSON-RPC with one upstream over one of the SDK's transports: which answer is to which request, which progress to which
// call, and whom a question of the upstream is for. It validates no result, so that what it does not know arrives as it was
// sent. One transport carries one call (HTTP) or all calls of an owner (stdio, SSE).
import { setTimeout as sleep } from 'node:timers/promises'
import type { TraceContext } from '@gatehouse/shared'
import { type JSONRPCMessage, SdkHttpError, type Transport } from '@modelcontextprotocol/client'
import {
  type Behalf,
  type Era,
  type Members,
  type Notification,
  RpcError,
  UpstreamError,
  type UpstreamRequest,
} from './contract.ts'
import { type Identity, paramsFor } from './envelope.ts'
import { faultOf } from './faults.ts'
import { mayChange } from './methods.ts'
import { type Asked, createQuestions, type PeerCall } from './questions.ts'
import { inRequest } from './request-span.ts'
import { isTooDeep } from './sizes.ts'

export interface PeerOptions {
  readonly name: string
  readonly transport: Transport
  readonly identity: Identity
  /** Ids of requests: unique for all that shares a session. */
  readonly nextId: () => number
  /** Calls that are under way at the same owner's, over whichever transport; the last is asked what names no call. */
  readonly calls: Set<PeerCall>
  /** Of a transport of one call: whether its answer comes as a stream. */
  readonly isStreaming?: (() => boolean) | undefined
  /** What belongs to no call. */
  hearUnasked(notification: Notification): void
  /** What is wrong, and answers no request. */
  onerror(error: Error): void
  onclose?(): void
}

/** Ids, each greater than `after`. */
export function countingIds(after = 0): () => number {
  let last = after
  return () => {
    last += 1
    return last
  }
}

export interface RequestTerms {
  readonly era: Era
  readonly behalf: Behalf
  /** What is declared to the upstream. */
  readonly capabilities: Members
  /** Milliseconds in all. */
  readonly limit: number
  /** Milliseconds without progress, once there was some. */
  readonly idle?: number
}

export interface Peer {
  start(): Promise<void>
  request(request: UpstreamRequest, terms: RequestTerms): Promise<Members>
  notify(notification: Notification): Promise<void>
  /** Ends all that is under way with this. */
  fail(error: Error): void
  close(): Promise<void>
}

interface Pending {
  readonly call: PeerCall
  readonly progressToken: string | number | undefined
  resolve(result: Members): void
  reject(error: Error): void
}

/** Milliseconds for an upstream to take it that a call is cancelled. */
const tellLimit = 1_000

type Id = number

export function createPeer({
  name,
  transport,
  identity,
  nextId,
  calls,
  isStreaming,
  hearUnasked,
  onerror,
  onclose,
}: PeerOptions): Peer {
  const pending = new Map<Id, Pending>()
  const perRequest = transport.hasPerRequestStream === true
  let isClosed = false

  transport.onmessage = (message) => {
    try {
      if (isTooDeep(message)) throw new UpstreamError(name, 'invalid', `${name} sent a message that is nested too deep`)
      take(message as JSONRPCMessage)
    } catch (error) {
      const one = 'id' in message && !('method' in message) ? pending.get(message.id as Id) : undefined
      if (one) one.reject(error as Error)
      else onerror(error as Error)
    }
  }
  transport.onerror = (error) => {
    // What cannot be read over the transport of one call is that call's answer.
    const [only] = perRequest && pending.size === 1 ? pending.values() : []
    if (only && isUnreadable(error)) only.reject(unreadable(error))
    else onerror(error)
  }
  transport.onclose = () => {
    isClosed = true
    if (pending.size > 0)
      fail(new UpstreamError(name, 'interrupted', `${name} ended in the middle of the call: it may have run`))
    onclose?.()
  }

  const questions = createQuestions({
    lastCall,
    onerror,
    reply: async (response) => {
      if (!isClosed) await transport.send({ jsonrpc: '2.0', ...response } as JSONRPCMessage).catch(onerror)
    },
  })

  function fail(error: Error): void {
    for (const one of pending.values()) one.reject(error)
  }

  function take(message: JSONRPCMessage): void {
    if ('method' in message) {
      if ('id' in message) void questions.answer(message as Asked)
      else hear(message)
      return
    }
    const one = pending.get(message.id as Id)
    if (!one) onerror(new Error(`${name} answered what it was not asked`))
    else if ('error' in message) one.reject(new RpcError(message.error.code, message.error.message, message.error.data))
    else one.resolve(message.result as Members)
  }

  function hear(notification: Notification): void {
    const { method, params } = notification
    if (method === 'notifications/progress') {
      const one = pending.get(Number(params?.progressToken))
      one?.call.beat()
      if (one?.progressToken === undefined) return
      one.call.behalf.hear({ method, params: { ...params, progressToken: one.progressToken } })
    } else if (method === 'notifications/cancelled') questions.cancel(params?.requestId)
    else if (method === 'notifications/message') lastCall()?.behalf.hear(notification)
    else if (perRequest && pending.size > 0 && !isAboutLists(method)) lastCall()?.behalf.hear(notification)
    else hearUnasked(notification)
  }

  function lastCall(): PeerCall | undefined {
    const own = [...pending.values()].at(-1)
    return own ? own.call : [...calls].at(-1)
  }

  function unreadable(cause?: Error): UpstreamError {
    return new UpstreamError(name, 'invalid', `${name} sent an answer that is no MCP message`, {
      cause,
      hasAnswered: true,
    })
  }

  async function ask(wanted: UpstreamRequest, terms: RequestTerms, trace: TraceContext | undefined): Promise<Members> {
    const { era, behalf, capabilities, limit, idle } = terms
    const id = nextId()
    const stop = perRequest ? new AbortController() : undefined
    const { promise, resolve, reject } = Promise.withResolvers<Members>()
    const wantsProgress = idle !== undefined || behalf.progressToken !== undefined
    const params = paramsFor(wanted.params, {
      era,
      identity,
      behalf: { capabilities, logLevel: behalf.logLevel },
      progressToken: wantsProgress ? id : undefined,
      trace,
    })
    const timers = new Set<NodeJS.Timeout>()
    const after = (milliseconds: number, text: string) => {
      const timer = setTimeout(() => giveUp(new UpstreamError(name, 'timeout', text)), milliseconds).unref()
      timers.add(timer)
      return timer
    }
    let silence: NodeJS.Timeout | undefined
    let held = 0
    let over: AbortController | undefined
    const call: PeerCall = {
      behalf,
      get over() {
        over ??= new AbortController()
        if (!pending.has(id)) over.abort()
        return over.signal
      },
      asking: Promise.resolve(),
      beat() {
        clearTimeout(silence)
        if (idle !== undefined && held === 0) silence = after(idle, `${name} said nothing for ${idle / 1000} s`)
      },
      hold() {
        held += 1
        clearTimeout(silence)
        return () => {
          held -= 1
          if (pending.has(id)) call.beat()
        }
      },
    }
    const end = (error: Error) => {
      reject(error)
      stop?.abort()
    }
    const giveUp = (error: Error) => {
      // 2026-07-28 over HTTP: the stream that ends is the cancellation.
      if (era === '2026' && perRequest) return end(error)
      const cancelled = { requestId: id, reason: error.message }
      const told = notify({ method: 'notifications/cancelled', params: cancelled }).catch(onerror)
      void Promise.race([told, sleep(tellLimit, undefined, { ref: false })]).finally(() => end(error))
    }
    const onAbort = () => giveUp(new UpstreamError(name, 'timeout', 'The call was cancelled'))
    if (isClosed) throw new UpstreamError(name, 'unreachable', `${name} is not connected`)
    if (behalf.signal.aborted) throw new UpstreamError(name, 'timeout', 'The call was cancelled')
    after(limit, `${name} did not answer within ${limit / 1000} s`)
    behalf.signal.addEventListener('abort', onAbort, { once: true })
    pending.set(id, { call, progressToken: behalf.progressToken, resolve, reject })
    calls.add(call)
    try {
      const message = {
        jsonrpc: '2.0',
        id,
        method: wanted.method,
        ...(params !== undefined && { params }),
      } as JSONRPCMessage
      const options = {
        ...(stop && { requestSignal: stop.signal }),
        onRequestStreamEnd: () =>
          reject(
            new UpstreamError(name, 'interrupted', `${name} broke off in the middle of the call: it may have run`),
          ),
        headers: { ...(era === '2026' && wanted.mirrored), ...trace } as Record<string, string>,
      }
      transport.send(message, options).then(
        () => {
          // all of it is here, and the answer was not in it
          if (pending.has(id) && isStreaming?.() === false) reject(unreadable())
        },
        (error: Error) =>
          reject(isUnreadable(error) ? unreadable(error) : faultOf(name, error, mayChange(wanted.method))),
      )
      return await promise
    } finally {
      behalf.signal.removeEventListener('abort', onAbort)
      for (const timer of timers) clearTimeout(timer)
      pending.delete(id)
      calls.delete(call)
      over?.abort()
    }
  }

  async function notify({ method, params }: Notification): Promise<void> {
    await transport.send({ jsonrpc: '2.0', method, ...(params && { params }) } as JSONRPCMessage)
  }

  const request: Peer['request'] = (wanted, terms) => inRequest(name, wanted, (trace) => ask(wanted, terms, trace))
  return { start: () => transport.start(), request, notify, fail, close: () => transport.close() }
}

function isUnreadable(error: Error): boolean {
  if (error instanceof SdkHttpError) return false
  return (
    error.name === 'SyntaxError' ||
    error.name === 'ZodError' ||
    error.name === '$ZodError' ||
    /^Unexpected content type/.test(error.message)
  )
}

/** They concern the connection, whatever stream they come on. */
function isAboutLists(method: string): boolean {
  return method.endsWith('list_changed') || method === 'notifications/resources/updated'
}
