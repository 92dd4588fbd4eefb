// How an answer of the SDK leaves: in the form that the client reads, whatever form it was made in, and with something to
// hear every so often, so that no proxy takes a tool that is at work for a dead connection.
import type { ServerResponse } from 'node:http'
import { keepAliveComment, streamHeaders } from '@gatehouse/mcp-sessions'
import { type NodeIncomingMessageLike, toWebRequest } from '@modelcontextprotocol/node'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { rpcCodes } from '../errors.ts'
import { type Accepted, readAccept } from './accept.ts'
import { lastAnswer } from './last-answer.ts'
import { idOf } from './message.ts'
import type { UnsentBytes, Write } from './unsent-bytes.ts'

export interface AnswerOptions {
  readonly unsent: UnsentBytes
  /** Milliseconds without a word after which there is a comment. */
  readonly keepAlive: number
  readonly onerror: (error: Error) => void
}

/** Answers a request with what `fetch` does, to its end. The signal that `fetch` is given ends with the connection. */
export type Answer = (
  request: FastifyRequest,
  reply: FastifyReply,
  fetch: (request: Request) => Promise<Response>,
) => Promise<void>

/** Milliseconds. Proxies give up after 60 to 100 s. */
export const defaultKeepAlive = 15_000

export function createAnswer({ unsent, keepAlive, onerror }: AnswerOptions): Answer {
  return async function answer(request, reply, fetch) {
    const [response, id] = [reply.raw, idOf(request.body)]
    const accepted = readAccept(request.headers.accept)
    // The SDK refuses who does not name both. Here who reads one of them is answered in that one.
    request.raw.headers.accept = 'application/json, text/event-stream'
    const write = unsent.writerFor(response)
    const left = new AbortController()
    response.once('close', () => left.abort())
    if (response.destroyed) left.abort()

    // In 2026-07-28 an answer is JSON until a notification makes it a stream. Where none comes, time does.
    const speak = () => {
      if (!response.headersSent) response.writeHead(200, streamHeaders)
      write(keepAliveComment)
    }
    const beat = accepted.stream && id !== null ? setInterval(speak, keepAlive).unref() : undefined
    try {
      const incoming = await toWebRequest(request.raw as NodeIncomingMessageLike, request.body, { signal: left.signal })
      await send(await fetch(incoming).finally(() => clearInterval(beat)), {
        response,
        write,
        finish: unsent.finish,
        accepted,
        left: left.signal,
      })
    } catch (error) {
      if (left.signal.aborted) return
      onerror(error as Error)
      const result = Response.json(failureOf(id), { status: 500 })
      await send(result, { response, write, finish: unsent.finish, accepted, left: left.signal })
    }
  }
}

interface Way {
  readonly response: ServerResponse
  readonly write: Write
  readonly finish: UnsentBytes['finish']
  readonly accepted: Accepted
  readonly left: AbortSignal
}

async function send(result: Response, { response, write, finish, accepted, left }: Way): Promise<void> {
  const { body, status, headers } = result
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true
  const begin = (given: Record<string, string>) => response.headersSent || response.writeHead(status, given)

  if (body === null) begin(Object.fromEntries(headers))
  else if (isStream && (accepted.stream || response.headersSent)) {
    begin(Object.fromEntries(headers))
    await pass(body, write, left)
  } else if (isStream) {
    const json = await lastAnswer(body, left)
    const session = headers.get('mcp-session-id')
    begin({ ...jsonHeaders(json), ...(session !== null && { 'mcp-session-id': session }) })
    finish(response, json)
  } else if (response.headersSent || (result.ok && !accepted.json)) {
    begin(streamHeaders)
    write(`event: message\ndata: ${await result.text()}\n\n`)
  } else {
    const text = await result.text()
    begin({ ...Object.fromEntries(headers), 'content-length': String(Buffer.byteLength(text)) })
    finish(response, text)
  }
  if (!response.writableEnded) response.end()
}

/** Of an answer that is known as a whole: it is written at once, and not in chunks. */
export function jsonHeaders(text: string): Record<string, string> {
  return { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }
}

/** What a client is told of what is our fault. */
export function failureOf(id: string | number | null): object {
  return { jsonrpc: '2.0', error: { code: rpcCodes.internalError, message: 'Internal error' }, id }
}

/** As fast as it comes, whether the client keeps up or not: see unsent-bytes.ts. */
async function pass(body: ReadableStream<Uint8Array>, write: Write, left: AbortSignal): Promise<void> {
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => undefined)
  if (left.aborted) cancel()
  left.addEventListener('abort', cancel)
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    write(value) // once it has ended nothing more is read, since the connection is closed
  }
}
