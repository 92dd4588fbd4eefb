// Bodies that Fastify has read, and the engine after it.
import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { UnsupportedBodyError } from '../errors.ts'
import { paths } from '../paths.ts'
import type { Parameters } from './request-parameters.ts'

export const formType = 'application/x-www-form-urlencoded'
const jsonType = 'application/json'

/** The media type of a request, without its parameters; empty if it names none. */
export function mediaType({ headers }: Pick<FastifyRequest, 'headers'>): string {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? ''
}

/**
 * Throws {@link UnsupportedBodyError} for a body that would be taken for an empty or a garbled one: compressed, without a
 * type, or no JSON where a client registers. Of forms of another type the engine says so itself.
 */
export function refuseUnreadable(request: FastifyRequest): void {
  const { 'content-encoding': coding, 'content-length': length, 'transfer-encoding': transfer } = request.headers
  if (coding !== undefined && coding.toLowerCase() !== 'identity')
    throw new UnsupportedBodyError('the body must be sent as it is, without a content-encoding')
  const type = mediaType(request)
  const isRegistration = request.routeOptions.url === paths.register
  if (isRegistration && request.method === 'POST' && type !== jsonType)
    throw new UnsupportedBodyError(`the metadata must be sent as ${jsonType}`)
  const hasBody = transfer !== undefined || Number(length ?? 0) > 0
  if (hasBody && type === '') throw new UnsupportedBodyError(`the parameters must be sent as ${formType}`)
}

/** Doubled parameters stay doubled. */
export function encodeFields(fields: Parameters): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    [value].flat().map((each): [string, string] => [name, String(each)]),
  )
  return new URLSearchParams(pairs).toString()
}

/**
 * Has the engine read `request.body` as if it came over the wire just now. It would take the body itself, too, but not
 * without a warning in plain text among the JSON lines of the log, for the operator, who can do nothing about it.
 */
export function readAgain(request: IncomingMessage): void {
  const { body } = request
  if (body === undefined) return
  const isText = typeof body === 'string'
  const bytes = Buffer.from(isText ? body : encodeFields(body as Parameters))
  // without a charset: Fastify has decoded it
  Object.assign(request.headers, {
    'content-type': isText ? jsonType : formType,
    'content-length': String(bytes.length),
  })
  Object.defineProperties(request, {
    readable: { value: true },
    readableEncoding: { value: null },
    iterator: {
      value: async function* () {
        yield bytes
      },
    },
  })
}

declare module 'node:http' {
  interface IncomingMessage {
    /** What Fastify has read: the engine gets it instead of the stream. */
    body?: unknown
  }
}
