import { AsyncLocalStorage } from 'node:async_hooks'
import { type ClientError, type Fetch, networkError } from '@gatehouse/network'
import { type AuthProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { asksForSignIn, challengeOf } from '../discovery/challenge.ts'
import { isNotSignedIn, notSignedIn, type TokenSource } from '../session/token-source.ts'
import { boundAnswer, type Tally } from './bounded-answer.ts'
import type { EventIds } from './event-ids.ts'
import { tidyAnswer } from './tidy-answer.ts'

export interface TransportOptions {
  readonly url: URL
  readonly tokens: TokenSource
  readonly fetch: Fetch
  readonly eventIds: EventIds
  /** The session to take up again, with the protocol version it was opened with. */
  readonly session?: { readonly sessionId: string; readonly protocolVersion: string } | undefined
}

/** The request of ours in whose context something is sent to the server. */
export interface Exchange {
  /** Told when the server accepts the request: its answer has begun. */
  readonly onAccepted?: (() => void) | undefined
  /** Told when the server sends more than is taken in; nothing that the SDK makes of it says so. */
  readonly onTooMuch: (error: ClientError) => void
  /** What all answers to the request have come to, where they are bounded together. */
  readonly tally?: Tally | undefined
}

export const exchanges = new AsyncLocalStorage<Exchange>()

/** How a stream that broke is resumed: at once, then more slowly, for about a minute. Times in milliseconds. */
const reconnectionOptions = {
  initialReconnectionDelay: 200,
  reconnectionDelayGrowFactor: 1.7,
  maxReconnectionDelay: 15_000,
  maxRetries: 10,
}

/** The SDK's transport with our tokens. A 403 for want of scope is thrown: stepping up is ours (step-up.ts). */
export function createTransport(options: TransportOptions): StreamableHTTPClientTransport {
  const { url, tokens, fetch, eventIds, session } = options
  let streamsRefused = false
  return new StreamableHTTPClientTransport(url, {
    authProvider: createAuthProvider(tokens),
    onInsufficientScope: 'throw',
    reconnectionOptions,
    ...session,
    async fetch(input, init) {
      const isStream = init?.method === 'GET'
      if (isStream && streamsRefused) return new Response(null, { status: 405 }) // or the SDK would ask for ever
      const exchange = exchanges.getStore()
      const answer = await fetch(String(input), init).catch((error: unknown) => {
        throw networkError(url, error)
      })
      if (init?.method === 'POST' && answer.ok) exchange?.onAccepted?.()
      const bounded = boundAnswer(answer, {
        url,
        tally: exchange?.tally,
        onTooMuch(error) {
          streamsRefused ||= isStream
          exchange?.onTooMuch(error)
        },
      })
      const response = await tidyAnswer(bounded)
      if (response.status === 403 && !hasToken(init) && asksForSignIn(response)) return asUnauthorized(response)
      if (!isStream) return response
      return eventIds.watch(new Headers(init.headers).get('last-event-id'), response)
    },
  })
}

function hasToken(init?: RequestInit): boolean {
  return new Headers(init?.headers).has('authorization')
}

/** What the SDK knows as a demand for a sign-in is a 401 alone. */
function asUnauthorized({ body, headers }: Response): Response {
  return new Response(body, { status: 401, headers })
}

/**
 * The hook of the SDK's transport: a token before each request, another one after a 401, once. Without a sign-in requests
 * go without a token, for servers that need none; a 401 then is `not_signed_in`, with what it said.
 */
function createAuthProvider(tokens: TokenSource): AuthProvider {
  let sent: string | undefined
  return {
    async token() {
      try {
        sent = (await tokens.current()).accessToken
      } catch (error) {
        if (!isNotSignedIn(error)) throw error
        sent = undefined
      }
      return sent
    },
    async onUnauthorized({ response }) {
      if (sent === undefined) throw notSignedIn(challengeOf(response))
      await tokens.replace(sent)
    },
  }
}
