// What a request of 2026-07-28 repeats in headers of what its body says, so that who stands in between need not read it.
import type { JSONRPCMessage } from '@modelcontextprotocol/client'
import type { Members } from './contract.ts'
import { protocolVersionIn } from './envelope.ts'

/** Which member of `params` says what a request is about. */
const subjects: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** Nothing for a message of the older era. By lower-case name. */
export function envelopeHeaders(message: JSONRPCMessage): Record<string, string> | undefined {
  if (!('method' in message) || !('id' in message)) return undefined
  const params = message.params as Members | undefined
  const version = protocolVersionIn(params)
  if (version === undefined) return undefined
  const headers: Record<string, string> = { 'mcp-protocol-version': version, 'mcp-method': message.method }
  const about = Object.hasOwn(subjects, message.method) ? params?.[subjects[message.method] ?? ''] : undefined
  if (typeof about === 'string') headers['mcp-name'] = encoded(about)
  return headers
}

/** As the SDK writes it: what does not fit into a header is base64, and says so. */
function encoded(value: string): string {
  const isPlain = /^[\t\x20-\x7e]+$/.test(value) && value === value.trim() && !/^=\?base64\?.*\?=$/.test(value)
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}
