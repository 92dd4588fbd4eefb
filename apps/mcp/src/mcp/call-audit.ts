// The audit's line of one request: begun when it is known who calls, noted on the way by who knows more, and written once, when
// the answer has left and the work for it is done. A request without a valid token gets
// no line: anybody could fill a disk.
import type { Caller } from '@gatehouse/guard'
import { type Audit, activeSpan, shownArguments, shownText, shownUri } from '@gatehouse/service'
import type { AuditEvent } from '@gatehouse/shared'
import type { JSONRPCMessage, Server } from '@modelcontextprotocol/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { idOf, isObject, memberOf } from './message.ts'

/** What may be said along the way. The first one to say something of a matter is right. */
export type Noted = Partial<
  Pick<AuditEvent, 'outcome' | 'reason' | 'decision' | 'rule' | 'scopes' | 'upstream' | 'credential'>
> & {
  /** The tool that is called, once it is known that there is one. By its own name: it is no client's word. */
  readonly called?: { readonly upstream: string; readonly name: string }
}
export type Note = (noted: Noted) => void

/** What came of a call of a tool. */
export type Call = Noted & Pick<AuditEvent, 'outcome'>

export interface Trail {
  readonly note: Note
  /** No more work is done for the request. */
  done(): void
}

/** Characters of what clients call things by. */
const longestName = 128

/** `onCall`: told of each call of a tool, and after how many milliseconds it was answered, whether lines are written or not. */
export function createCallAudit(audit: Audit, onCall?: (call: Call, took: number) => void) {
  return {
    /** Undefined: there is no line to be written. */
    begin(
      request: FastifyRequest,
      reply: FastifyReply,
      { caller, resource }: { readonly caller: Caller; readonly resource: string },
    ): Trail | undefined {
      const { settings } = audit
      const method = memberOf(request.body, 'method')
      const isCounted = onCall !== undefined && method === 'tools/call'
      if (!settings && !isCounted) return undefined
      if (typeof method !== 'string' || method === 'ping' || idOf(request.body) === null) return undefined
      const { socket } = request.raw
      const before = socket.bytesWritten
      const trace = activeSpan()?.traceId
      let noted: Noted = {}
      let left = 2
      const end = (): void => {
        left -= 1
        if (left > 0) return
        const { decision, called: _, ...rest } = noted
        if (isCounted) onCall({ ...outcomeOf(reply), ...noted }, reply.elapsedTime)
        if (!settings) return
        const grant = grantOf(caller)
        const length = Number(request.headers['content-length'])
        audit.write({
          event: 'mcp_request',
          ...outcomeOf(reply),
          ...(decision && { decision }),
          request: request.id,
          ...(trace && { trace }),
          ...(grant !== undefined && { grant }),
          token: caller.tokenId,
          subject: caller.subject,
          client: caller.clientId,
          address: request.ip,
          endpoint: resource,
          ...rest,
          method: shownText(method, longestName),
          ...namedIn(method, memberOf(request.body, 'params')),
          ...argumentsIn(method, memberOf(request.body, 'params'), settings),
          ms: Math.round(reply.elapsedTime),
          ...(Number.isInteger(length) && { in: length }),
          out: socket.bytesWritten - before,
        })
      }
      if (reply.raw.destroyed) end()
      else reply.raw.once('close', end)
      return {
        note: (more) => {
          noted = { ...more, ...noted }
        },
        done: end,
      }
    },
  }
}

/** The approval that a token is of. No credential. */
export function grantOf({ claims }: Pick<Caller, 'claims'>): string | undefined {
  return typeof claims.grant_id === 'string' ? claims.grant_id : undefined
}

/** Where nobody knew more. */
function outcomeOf({ raw }: FastifyReply): Pick<AuditEvent, 'outcome' | 'reason'> {
  if (!raw.writableFinished) return { outcome: 'cancelled' }
  const { statusCode } = raw
  if (statusCode < 400) return { outcome: 'ok' }
  return { outcome: statusCode < 500 ? 'refused' : 'unavailable', reason: `http_${statusCode}` }
}

/** What the server answers is what came of the request: it is made for one. */
export function noteAnswer(server: Server, note: Note | undefined): Server {
  if (!note) return server
  const connect = server.connect.bind(server)
  server.connect = (transport) => {
    const send = transport.send.bind(transport)
    transport.send = (message, options) => {
      noteOutcome(message, note)
      return send(message, options)
    }
    return connect(transport)
  }
  return server
}

/** What came of a request, if the message is its answer. */
export function noteOutcome(message: JSONRPCMessage, note: Note | undefined): void {
  if ('error' in message) note?.({ outcome: 'error', reason: String(message.error.code) })
  else if ('result' in message) note?.(outcomeIn(message.result))
}

function outcomeIn(result: unknown): Noted {
  if (memberOf(result, 'resultType') === 'input_required') return { outcome: 'question' }
  return memberOf(result, 'isError') === true ? { outcome: 'error', reason: 'tool' } : { outcome: 'ok' }
}

function namedIn(method: string, params: unknown): Pick<AuditEvent, 'tool' | 'prompt' | 'resource'> {
  const text = (parent: unknown, name: string): string | undefined => {
    const value = memberOf(parent, name)
    return typeof value === 'string' ? value : undefined
  }
  const [name, uri] = [text(params, 'name'), text(params, 'uri')]
  if (method === 'tools/call' && name !== undefined) return { tool: shownText(name, longestName) }
  if (method === 'prompts/get' && name !== undefined) return { prompt: shownText(name, longestName) }
  if (method.startsWith('resources/') && uri !== undefined) return { resource: shownUri(uri) }
  if (method !== 'completion/complete') return {}
  const ref = memberOf(params, 'ref')
  const [prompt, resource] = [text(ref, 'name'), text(ref, 'uri')]
  if (prompt !== undefined) return { prompt: shownText(prompt, longestName) }
  return resource === undefined ? {} : { resource: shownUri(resource) }
}

/** `method`: of those with arguments. */
function argumentsIn(method: string, params: unknown, settings: Parameters<typeof shownArguments>[1]) {
  if (method !== 'tools/call' && method !== 'prompts/get') return {}
  const args = memberOf(params, 'arguments')
  const shown = isObject(args) ? shownArguments(args, settings) : undefined
  return shown === undefined ? {} : { arguments: shown }
}
