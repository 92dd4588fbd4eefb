import { rpcCodes } from '../errors.ts'
import type { Accepted } from './accept.ts'
import { idOf, isAnswer, isObject, isOneMessage, memberOf, messageRule } from './message.ts'
import { findOverlong } from './message-limits.ts'

export interface MessageRefusal {
  readonly status: number
  readonly code: number
  readonly message: string
  readonly id?: string | number | null
  readonly data?: unknown
}

/** Why a parsed body is not gone into, no matter who sends it. `mayAnswer`: it may be an answer to something that we asked. */
export function refusalOf(
  body: unknown,
  { accepted, mayAnswer }: { readonly accepted: Accepted; readonly mayAnswer: boolean },
): MessageRefusal | undefined {
  if (!accepted.json && !accepted.stream) return notAcceptable('answers are application/json or text/event-stream')
  const isMessage = isOneMessage(body)
  if (!isMessage && !(mayAnswer && isAnswer(body))) {
    return { status: 400, code: rpcCodes.invalidRequest, message: `Invalid Request: ${messageRule}` }
  }
  const overlong = findOverlong(body)
  if (overlong) return { status: 400, ...overlong }
  const wrong = isMessage ? wrongArguments(body) : undefined
  if (wrong) return wrong
  if (isMessage && body.method === 'subscriptions/listen' && !accepted.stream) {
    return { ...notAcceptable('what is listened to comes as text/event-stream'), id: idOf(body) }
  }
  return undefined
}

function notAcceptable(why: string): MessageRefusal {
  return { status: 406, code: rpcCodes.other, message: `Not Acceptable: ${why}` }
}

/** What takes arguments takes them by name: a rule about one of them would hold for a list that has it further down. Null counts as absent. */
function wrongArguments(body: { readonly method: string; readonly params?: unknown }): MessageRefusal | undefined {
  if (body.method !== 'tools/call' && body.method !== 'prompts/get') return undefined
  const args = memberOf(body.params, 'arguments') ?? {}
  if (isObject(args)) return undefined
  const message = `Invalid params: arguments: expected record, received ${Array.isArray(args) ? 'array' : typeof args}`
  return { status: 400, code: rpcCodes.invalidParams, message, id: idOf(body) }
}
