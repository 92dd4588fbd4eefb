// What the errors of Redis and of its client mean to us.

import { GatehouseError, StoreUnavailableError } from './errors.ts'
import { ioredis } from './ioredis.ts'

/** Answers by which Redis says that it cannot now, rather than that the command is wrong. */
const passingReplies =
  /^(OOM|READONLY|LOADING|MISCONF|BUSY|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS|ERR max number of clients)\b/

/** Everything is "unavailable" but what Redis refuses as wrong: that is a fault of ours. */
export function translate(error: unknown): unknown {
  if (error instanceof GatehouseError) return error
  if (error instanceof Error) withoutCommand(error)
  if (isReply(error) && !passingReplies.test(error.message)) return error
  return new StoreUnavailableError(error)
}

/** ioredis puts the command on its errors, and so our password, or what is stored: nothing for a log. */
export function withoutCommand(error: Error): Error {
  Reflect.deleteProperty(error, 'command')
  return error
}

export function isReply(error: unknown): error is Error {
  return error instanceof ioredis().ReplyError
}
