// Which requests may go the short way: those of which it is certain beforehand that nothing is wrong with their headers. What
// is in doubt goes the long way, where the SDK says what it makes of it.
import type { JSONRPCRequest } from '@modelcontextprotocol/server'
import type { FastifyRequest } from 'fastify'
import { revision } from './exchanges.ts'
import { idOf, memberOf } from './message.ts'

/** Methods that every server here has, and the member of their parameters that `Mcp-Name` repeats. */
const names: ReadonlyMap<string, string | undefined> = new Map([
  ['tools/call', 'name'],
  ['tools/list', undefined],
  ['prompts/get', 'name'],
  ['prompts/list', undefined],
  ['resources/read', 'uri'],
  ['resources/list', undefined],
  ['resources/templates/list', undefined],
])

const json = /^application\/json(?:; ?charset=utf-8)?$/i

/** The request, as far as it stands alone in 2026-07-28 and its headers say exactly what it says. It was found to be of its era. */
export function requestAlone({ headers, body }: Pick<FastifyRequest, 'headers' | 'body'>): JSONRPCRequest | undefined {
  if (idOf(body) === null) return undefined
  const request = body as JSONRPCRequest
  const { method, params } = request
  if (!names.has(method)) return undefined
  const meta = memberOf(params, '_meta')
  const isRevision = memberOf(meta, 'io.modelcontextprotocol/protocolVersion') === revision
  if (!isRevision || headers['mcp-protocol-version'] !== revision || headers['mcp-method'] !== method) return undefined
  if (!json.test(headers['content-type'] ?? '')) return undefined
  const member = names.get(method)
  if (member === undefined) return request
  const name = memberOf(params, member)
  const isNamed = typeof name === 'string' && headers['mcp-name'] === name && !name.startsWith('=?')
  return isNamed ? request : undefined
}
