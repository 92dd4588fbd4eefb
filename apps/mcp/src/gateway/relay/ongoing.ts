// A call to an upstream of the 2025 era on behalf of a client of 2026-07-28. The upstream asks in the middle of it, and the
// client is answered with the question: so the call goes on while nobody is connected, and the client's next request takes
// it up again.
import type { Behalf, Members, Notification, Request } from '../upstreams/contract.ts'

export interface Listener {
  readonly signal: AbortSignal
  readonly progressToken: string | number | undefined
  hear(notification: Notification): void
}

export interface Question {
  readonly request: Request
  answer(result: Members): void
}

export type Turn = { readonly result: Members } | { readonly question: Question }

export interface Ongoing {
  /** What comes next, for anyone who listens meanwhile: the call ends if the listener leaves before. Rejects as the call does. */
  next(listener: Listener): Promise<Turn>
  stop(reason: Error): void
  /** Resolves when the call is over, however. */
  readonly over: Promise<unknown>
}

/** What the call is made with. Progress is always asked for: a later listener may want it. */
export type Running = Pick<Behalf, 'signal' | 'hear' | 'ask' | 'progressToken'>

export function startOngoing(run: (running: Running) => Promise<Members>): Ongoing {
  const stop = new AbortController()
  let listener: Listener | undefined
  let turn = Promise.withResolvers<Turn>()
  // Nobody may be there yet to hear that it failed.
  turn.promise.catch(() => undefined)

  const over = run({
    signal: stop.signal,
    progressToken: 'ongoing',

    hear({ method, params }) {
      if (!listener) return
      if (method !== 'notifications/progress') return listener.hear({ method, params })
      const { progressToken } = listener
      if (progressToken !== undefined) listener.hear({ method, params: { ...params, progressToken } })
    },

    ask(request) {
      const { promise, resolve } = Promise.withResolvers<Members>()
      const told = turn
      turn = Promise.withResolvers<Turn>()
      turn.promise.catch(() => undefined)
      told.resolve({ question: { request, answer: resolve } })
      return promise
    },
  }).then(
    (result) => turn.resolve({ result }),
    (error: unknown) => turn.reject(error),
  )

  return {
    async next(current) {
      const onLeave = () => stop.abort()
      listener = current
      current.signal.addEventListener('abort', onLeave, { once: true })
      if (current.signal.aborted) onLeave()
      try {
        return await turn.promise
      } finally {
        current.signal.removeEventListener('abort', onLeave)
        if (listener === current) listener = undefined
      }
    },

    stop: (reason) => stop.abort(reason),
    over,
  }
}
