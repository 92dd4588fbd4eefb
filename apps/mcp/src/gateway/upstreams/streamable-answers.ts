// How answers of Streamable HTTP are read: what kind they are of, the messages in them, and what a refusal is to those who asked.
import {
  isJSONRPCErrorResponse,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  SdkErrorCode,
  SdkHttpError,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import type { Members } from './contract.ts'
import { protocolVersionIn } from './envelope.ts'
import type { AnswerHead } from './guarded-http.ts'

/** Without its parameters. */
export function mediaType({ header }: AnswerHead): string {
  const [essence = ''] = (header('content-type') ?? '').split(';', 1)
  return essence.trim().toLowerCase()
}

export function isOk({ status }: AnswerHead): boolean {
  return status >= 200 && status < 300
}

/** Throws for what is no message. */
export function messagesIn(text: string): readonly JSONRPCMessage[] {
  const said: unknown = JSON.parse(text)
  return Array.isArray(said) ? said.map(parseJSONRPCMessage) : [parseJSONRPCMessage(said)]
}

/** By 400 an upstream of 2026-07-28 may refuse a request in a message of its own. */
export function refusalOf(message: JSONRPCMessage, { status }: AnswerHead, text: string): JSONRPCMessage | undefined {
  if (status !== 400 || !('method' in message) || !('id' in message)) return undefined
  if (protocolVersionIn(message.params as Members | undefined) === undefined) return undefined
  try {
    const said = parseJSONRPCMessage(JSON.parse(text))
    return isJSONRPCErrorResponse(said) && said.id === message.id ? said : undefined
  } catch {
    return undefined
  }
}

/** As errors of the SDK, which faults.ts knows. */
export function refusedWith({ status, statusText, header }: AnswerHead, text?: string): Error {
  if (status === 403 && /\berror="?insufficient_scope\b/.test(header('www-authenticate') ?? ''))
    return new UnauthorizedError()
  return new SdkHttpError(SdkErrorCode.ClientHttpNotImplemented, `HTTP ${status}`, { status, statusText, text })
}
