// Errors, as they go from replica to replica.
import { type Json, RpcError, UpstreamError } from '../upstreams/contract.ts'

/** It was not begun, and will not be. */
export class NotBegunError extends Error {
  constructor(options?: ErrorOptions) {
    super('another replica did not begin with it', options)
    this.name = 'NotBegunError'
  }
}

/** The same, of one who does not answer: there is little use in asking again. */
export class SilentError extends NotBegunError {}

/** Who does it does not have what it takes (any more): nothing was begun, and somebody else has it. */
export class MovedError extends Error {
  constructor() {
    super('another replica has it')
    this.name = 'MovedError'
  }
}

/** Who did it is gone. How far it came nobody knows. */
export class ReplicaLostError extends Error {
  constructor() {
    super('the replica that did it is gone')
    this.name = 'ReplicaLostError'
  }
}

export function encodeError(error: unknown): Json {
  if (error instanceof RpcError) return { is: 'rpc', code: error.code, message: error.message, data: error.data }
  if (error instanceof UpstreamError) {
    const { upstream, fault, message, retryAfter, about, detail } = error
    return { is: 'upstream', upstream, fault, message, retryAfter, about, detail }
  }
  if (error instanceof NotBegunError) return { is: 'not begun' }
  if (error instanceof MovedError) return { is: 'moved' }
  return { is: 'other', message: error instanceof Error ? error.message : String(error) }
}

export function decodeError({ is, ...said }: Json): Error {
  if (is === 'rpc') return new RpcError(said.code, said.message, said.data)
  if (is === 'upstream') return new UpstreamError(said.upstream, said.fault, said.message, said)
  if (is === 'not begun') return new NotBegunError()
  if (is === 'moved') return new MovedError()
  return new Error(said.message)
}
