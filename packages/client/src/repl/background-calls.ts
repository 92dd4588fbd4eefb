import { ClientError } from '@gatehouse/network'
import type { CallToolResult } from '@modelcontextprotocol/client'
import type { CallOptions, Stop } from '../mcp/connection.ts'

export interface BackgroundCallsOptions {
  readonly callTool: (name: string, args: Record<string, unknown>, options: CallOptions) => Promise<CallToolResult>
  /** Told once for each call that was accepted, with what it will come to. */
  readonly onResult: (name: string, outcome: Promise<CallToolResult>) => void
}

/** Tool calls that go on while the person types, and over a connection that is cut and taken up again. */
export interface BackgroundCalls {
  /** Comes back when the server has accepted the call. An error before that is thrown here. */
  start(name: string, args: Record<string, unknown>, stop: Stop): Promise<void>
  /** The connection is about to be cut: what fails now is not over. */
  cut(): void
  /** The connection is there again: each call's answer goes on after its last event. */
  resume(stop: Stop): void
  /** The answers that had begun cannot be had any more. */
  drop(): void
  /** Nothing more is told of any call. */
  forget(): void
  /** Waits for all. */
  settle(): Promise<void>
}

interface Call {
  readonly name: string
  readonly args: Record<string, unknown>
  readonly outcome: PromiseWithResolvers<CallToolResult>
  accepted: boolean
  lastEventId?: string
}

export function createBackgroundCalls({ callTool, onResult }: BackgroundCallsOptions): BackgroundCalls {
  const calls = new Set<Call>()
  let isCut = false

  /** Resolves when the call is accepted; its end goes to the call's outcome. */
  function send(call: Call, { signal }: Stop): Promise<void> {
    const accepted = Promise.withResolvers<void>()
    const options: CallOptions = {
      signal,
      resumeFrom: call.lastEventId,
      onEventId: (id) => {
        call.lastEventId = id
      },
      onAccepted() {
        call.accepted = true
        accepted.resolve()
      },
    }
    callTool(call.name, call.args, options).then(call.outcome.resolve, (error: unknown) => {
      if (!isCut) call.outcome.reject(error)
    })
    return accepted.promise
  }

  return {
    async start(name, args, stop) {
      isCut = false
      const call: Call = { name, args, outcome: Promise.withResolvers(), accepted: false }
      const ended = call.outcome.promise.then(
        () => calls.delete(call),
        () => calls.delete(call),
      )
      calls.add(call)
      await Promise.race([send(call, stop), ended.then(() => call.outcome.promise)])
      onResult(name, call.outcome.promise)
    },
    cut() {
      isCut = true
    },
    resume(stop) {
      isCut = false
      for (const call of calls) {
        if (call.lastEventId === undefined) call.outcome.reject(lost())
        else void send(call, stop)
      }
    },
    drop() {
      for (const call of calls) if (call.accepted) call.outcome.reject(lost())
    },
    forget() {
      isCut = true
      calls.clear()
    },
    async settle() {
      await Promise.allSettled([...calls].map(({ outcome }) => outcome.promise))
    },
  }
}

function lost(): ClientError {
  return new ClientError('session_ended', 'The answer is lost.', {
    reason: 'The connection was cut, and the server does not keep what it says.',
  })
}
