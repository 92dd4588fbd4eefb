import { rpcCodes } from '../errors.ts'
import type { Accepted } from './accept.ts'
import { idOf, isAnswer, isOneMessage, messageRule } from './message.ts'
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
  if (isMessage && body.method === 'subscriptions/listen' && !accepted.stream) {
    return { ...notAcceptable('what is listened to comes as text/event-stream'), id: idOf(body) }
  }
  return undefined
}

function notAcceptable(why: string): MessageRefusal {
  return { status: 406, code: rpcCodes.other, message: `Not Acceptable: ${why}` }
}
