import type { Server } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { rpcCodes } from '../errors.ts'

/** What the SDK says of a message that does not fit: perhaps some words, and then zod's issues as JSON. */
const dump = /^([^[]*)(\[\s*\{.*\}\s*\])$/s
const issuesOf = z.array(z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() })).min(1)

/** Issues that one line tells, and characters that it has at most. */
const mostIssues = 3
const longestLine = 400

/**
 * Makes a server say in one line what is wrong with parameters, as -32602, where the SDK says -32603 and prints what zod
 * found. What of it is not about parameters is ours, and nobody else's to read.
 */
export function answerInPlainWords(server: Server): void {
  const connect = server.connect.bind(server)
  server.connect = (transport) => {
    const send = transport.send.bind(transport)
    transport.send = (message, options) =>
      send('error' in message ? { ...message, error: inPlainWords(message.error) } : message, options)
    return connect(transport)
  }
}

interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

function inPlainWords(error: RpcError): RpcError {
  const [, words = '', json] = dump.exec(error.message) ?? []
  const issues = issuesOf.safeParse(json && parse(json)).data
  if (!issues) return error
  if (issues.some(({ path }) => path[0] !== 'params') || words.includes('result')) {
    return { code: rpcCodes.internalError, message: 'Internal error' }
  }
  const told = issues.slice(0, mostIssues).map(({ path, message }) => {
    const where = path.slice(1).join('.')
    return `${where === '' ? 'params' : where}: ${message.replace(/^Invalid input: /, '')}`
  })
  return { code: rpcCodes.invalidParams, message: `Invalid params: ${told.join('; ')}`.slice(0, longestLine) }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
