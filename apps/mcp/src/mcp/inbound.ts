// Which era a request is of, and whether its headers say what its body says, as those of 2026-07-28 have to: what routes
// requests need not read bodies then. Found before anybody's scopes are asked, and long before anything runs.
import type { IncomingHttpHeaders } from 'node:http'
import { classifyInboundRequest, type Tool } from '@modelcontextprotocol/server'
import type { FastifyRequest } from 'fastify'
import { rpcCodes } from '../errors.ts'
import { isObject, memberOf } from './message.ts'
import type { MessageRefusal } from './message-refusal.ts'

/** The SDK's own judgement, or why it would refuse the request. */
export function eraOf({ method, headers, body }: FastifyRequest): 'legacy' | 'modern' | MessageRefusal {
  const outcome = classifyInboundRequest({
    httpMethod: method,
    protocolVersionHeader: textOf(headers['mcp-protocol-version']),
    mcpMethodHeader: textOf(headers['mcp-method']),
    mcpNameHeader: textOf(headers['mcp-name']),
    body,
  } as Parameters<typeof classifyInboundRequest>[0])
  if (outcome.kind !== 'reject') return outcome.kind
  const { httpStatus: status, code, message, data } = outcome
  return { status, code, message, data }
}

/**
 * Where the headers of a call disagree with it. The SDK looks at Mcp-Name itself, but later, and at Mcp-Param-* only for
 * tools of its own McpServer. Members of the tool's `inputSchema` that have an `x-mcp-header` name their headers by it.
 */
export function findHeaderMismatch(
  headers: IncomingHttpHeaders,
  body: unknown,
  { name, inputSchema }: Pick<Tool, 'name' | 'inputSchema'>,
): MessageRefusal | undefined {
  const named = textOf(headers['mcp-name'])
  if (named === undefined || decode(named) !== name) return mismatch('Mcp-Name', 'params.name')
  const args = memberOf(memberOf(body, 'params'), 'arguments')
  for (const { path, header } of declarationsIn(inputSchema)) {
    const value = path.reduce<unknown>((parent, key) => memberOf(parent, key), args)
    if (!['string', 'number', 'boolean'].includes(typeof value)) continue
    const sent = textOf(headers[`mcp-param-${header.toLowerCase()}`])
    const said = sent === undefined ? undefined : decode(sent)
    const agrees = typeof value === 'number' ? isNumber(said) && Number(said) === value : said === String(value)
    if (!agrees) return mismatch(`Mcp-Param-${header}`, `params.arguments.${path.join('.')}`)
  }
  return undefined
}

/** The headers that a call of a tool repeats its arguments in, by lower-case name. */
export function mirroredHeaders({ inputSchema }: Pick<Tool, 'inputSchema'>, args: unknown): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const { path, header } of declarationsIn(inputSchema)) {
    const value = path.reduce<unknown>((parent, key) => memberOf(parent, key), args)
    if (['string', 'number', 'boolean'].includes(typeof value))
      headers[`mcp-param-${header.toLowerCase()}`] = encode(String(value))
  }
  return headers
}

/** The other way round: see {@link decode}. */
function encode(value: string): string {
  const isPlain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?')
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

function mismatch(header: string, body: string): MessageRefusal {
  const message = `Bad Request: the request headers and body disagree: ${header} is not what ${body} is`
  return { status: 400, code: rpcCodes.headerMismatch, message, data: { mismatch: { header, body } } }
}

interface Declaration {
  readonly path: readonly string[]
  readonly header: string
}

/** Only `properties` lead to them: elsewhere they may not be. */
function declarationsIn(schema: unknown, path: readonly string[] = []): readonly Declaration[] {
  const properties = memberOf(schema, 'properties')
  const header = memberOf(schema, 'x-mcp-header')
  return [
    ...(typeof header === 'string' && path.length > 0 ? [{ path, header }] : []),
    ...(isObject(properties)
      ? Object.entries(properties).flatMap(([key, child]) => declarationsIn(child, [...path, key]))
      : []),
  ]
}

/** What does not fit into a header is written as `=?base64?…?=`. Undefined for what claims to be, and is not. */
function decode(value: string): string | undefined {
  const [, base64] = /^=\?base64\?(.*)\?=$/s.exec(value) ?? []
  if (base64 === undefined) return value
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text)
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header
}
