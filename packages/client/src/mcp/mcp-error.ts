import { ClientError, cleanLine, type ErrorCode, errorBodyLine, findClientError } from '@gatehouse/network'
import {
  InsufficientScopeError,
  ProtocolError,
  ProtocolErrorCode,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
} from '@modelcontextprotocol/client'

/** What a request was about. */
export type Subject = 'tools' | 'prompts' | 'resources'

export interface McpErrorContext {
  /** Whether the connection has a session: then 404 means that it is over (2025-11-25, Session Management). */
  readonly inSession?: boolean
  readonly subject?: Subject | undefined
}

/** What another name or other arguments may mend. */
const wrongCalls: ReadonlySet<number> = new Set([ProtocolErrorCode.MethodNotFound, ProtocolErrorCode.InvalidParams])

/** Whatever an MCP request threw, as an error of ours. Texts of the server are cleaned and cut. */
export function mcpError(url: URL, thrown: unknown, { inSession, subject }: McpErrorContext = {}): ClientError {
  const known = findClientError(thrown)
  if (known) return known
  if (thrown instanceof InsufficientScopeError) return insufficientScope(thrown)
  if (thrown instanceof SdkHttpError)
    return inSession && thrown.status === 404 ? sessionEnded() : httpError(url, thrown)
  if (thrown instanceof ProtocolError && thrown.code === ProtocolErrorCode.MissingRequiredClientCapability) {
    return asksBack(thrown)
  }
  if (thrown instanceof ProtocolError) {
    const isWrongCall = wrongCalls.has(thrown.code)
    return new ClientError(subject === 'tools' ? 'tool_failed' : 'request_failed', 'The server refused the request.', {
      reason: `${cleanLine(thrown.message)} (${thrown.code}).`,
      hint: subject && isWrongCall ? `See which ${subject} there are and what they take:` : undefined,
      command: isWrongCall ? subject : undefined,
    })
  }
  const late = thrown instanceof SdkError && thrown.code === SdkErrorCode.RequestTimeout
  return new ClientError(
    late ? 'timed_out' : 'protocol_error',
    `${url.href} ${late ? 'took too long to answer' : 'does not answer as an MCP server'}.`,
    {
      reason: cleanLine(thrown instanceof Error ? thrown.message : String(thrown)),
      cause: thrown,
    },
  )
}

function asksBack({ message, code }: ProtocolError): ClientError {
  return new ClientError('tool_failed', 'The server wants to ask something while it works.', {
    reason: `${cleanLine(message)} (${code}).`,
    hint: `Give the answers: --answer '{json}'`,
  })
}

function sessionEnded(): ClientError {
  return new ClientError('session_ended', 'The server has ended the session.', {
    reason: 'It was idle for too long, or the server was started again.',
    hint: 'Open another one: connect',
  })
}

export function insufficientScope({ requiredScope, errorDescription }: InsufficientScopeError): ClientError {
  const needed = requiredScope === undefined ? 'more access' : cleanLine(requiredScope, 120)
  return new ClientError('insufficient_scope', `Your sign-in does not cover this: it needs ${needed}.`, {
    reason: errorDescription === undefined ? undefined : cleanLine(errorDescription),
    hint: 'Sign in again and approve everything that is asked for:',
    command: requiredScope === undefined ? 'login' : `login --scope "${needed}"`,
    requiredScope,
  })
}

const answers: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  401: ['signed_out', 'does not accept this sign-in'],
  403: ['access_denied', 'does not allow this'],
  404: ['not_found', 'is not the address of an MCP server'],
  405: ['not_found', 'is not the address of an MCP server'],
  421: ['resource_mismatch', 'does not answer to this name'],
}

function httpError(url: URL, { status, data }: SdkHttpError): ClientError {
  const [code, what] = answers[status] ?? ['unreachable', 'is not available at the moment']
  return new ClientError(code, `${url.href} ${what}.`, {
    reason: `It answered ${status}${typeof data.text === 'string' && data.text ? `: ${errorBodyLine(data.text)}` : ''}.`,
    hint: status === 401 ? 'Sign in again:' : undefined,
    command: status === 401 ? 'login' : undefined,
  })
}
