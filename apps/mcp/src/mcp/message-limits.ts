// What a message may have for names that come back in every notification, every event and every answer: one of a megabyte
// would make gigabytes of a modest call.
import { rpcCodes } from '../errors.ts'
import { idOf, memberOf } from './message.ts'

/** Characters of an id, a token or a cursor that a client chose, or that we gave it. */
const longestName = 400
/** Characters of what we sealed and a client brings back. */
const longestSealed = 16_384

const relatedTask = 'io.modelcontextprotocol/related-task'

/** Where such names are, all of them in the body, its `params` or their `_meta`. */
const limits = [
  { path: ['id'], longest: longestName },
  { path: ['params', 'cursor'], longest: longestName },
  { path: ['params', 'requestId'], longest: longestName },
  { path: ['params', 'progressToken'], longest: longestName },
  { path: ['params', 'taskId'], longest: longestName },
  { path: ['params', 'elicitationId'], longest: longestName },
  { path: ['params', '_meta', 'progressToken'], longest: longestName },
  { path: ['params', '_meta', 'io.modelcontextprotocol/subscriptionId'], longest: longestName },
  { path: ['params', '_meta', relatedTask, 'taskId'], longest: longestName },
  { path: ['params', 'requestState'], longest: longestSealed },
] as const

export interface Overlong {
  readonly code: number
  readonly message: string
  /** Of the request, unless that is what is too long. */
  readonly id: string | number | null
}

/** What is too long in a message, as an error to answer with. */
export function findOverlong(body: unknown): Overlong | undefined {
  for (const { path, longest } of limits) {
    const value = path.reduce<unknown>((parent, name) => memberOf(parent, name), body)
    if (typeof value !== 'string' || value.length <= longest) continue
    const words = `${path.at(-1)} may have ${longest} characters at most`
    return path.length === 1
      ? { code: rpcCodes.invalidRequest, message: `Invalid Request: ${words}`, id: null }
      : { code: rpcCodes.invalidParams, message: `Invalid params: ${words}`, id: idOf(body) }
  }
  return undefined
}
