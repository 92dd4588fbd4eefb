// A token of the gateway's own for one upstream: kept until shortly before it ends, asked for once for all who wait, and once
// more where the upstream refuses it. Where none is to be had, nobody waits for that twice.
import { createBackoff } from '../upstreams/backoff.ts'
import { UpstreamError } from '../upstreams/contract.ts'

export interface GrantedToken {
  readonly value: string
  /** Milliseconds from when it was asked for. */
  readonly life: number
}

export interface TokenSource {
  /** Rejects with an {@link UpstreamError} where no token is to be had. */
  current(): Promise<string>
  /** The upstream answered 401 to this one. Undefined: there is no other, or one was forced a moment ago. Rejects as `current`. */
  renew(refused: string): Promise<string | undefined>
}

export interface TokenSourceOptions {
  /** Rejects with an {@link UpstreamError}. */
  readonly ask: () => Promise<GrantedToken>
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Milliseconds before its end in which a token is renewed, where a new one is to be had: a fifth of its life at most. */
const longestMargin = 60_000
/** Milliseconds: an upstream that refuses every token does not make us ask for one at every call. */
const forcedAgain = 10_000

interface Kept {
  readonly value: string
  readonly freshUntil: number
  readonly endsAt: number
}

export function createTokenSource({ ask, now }: TokenSourceOptions): TokenSource {
  let kept: Kept | undefined
  let flight: Promise<Kept> | undefined
  let forcedAt = Number.NEGATIVE_INFINITY
  let fault: UpstreamError | undefined
  const backoff = createBackoff(now)

  function askOnce(): Promise<Kept> {
    flight ??= request().finally(() => {
      flight = undefined
    })
    return flight
  }

  async function request(): Promise<Kept> {
    const wait = backoff.remaining()
    if (wait > 0 && fault) throw againIn(fault, Math.ceil(wait / 1_000))
    const at = now()
    try {
      const { value, life } = await ask()
      kept = { value, freshUntil: at + life - Math.min(longestMargin, life / 5), endsAt: at + life }
      backoff.succeeded()
      return kept
    } catch (error) {
      backoff.failed()
      fault = error instanceof UpstreamError ? error : undefined
      throw error
    }
  }

  return {
    async current() {
      const before = kept
      if (before && now() < before.freshUntil) return before.value
      try {
        return (await askOnce()).value
      } catch (error) {
        // good still, until its very end
        if (before && kept === before && now() < before.endsAt) return before.value
        throw error
      }
    },

    async renew(refused) {
      if (!flight) {
        if (kept && kept.value !== refused) return kept.value
        if (now() - forcedAt < forcedAgain) return undefined
        forcedAt = now()
        kept = undefined
      }
      const { value } = await askOnce()
      return value === refused ? undefined : value
    },
  }
}

function againIn(before: UpstreamError, retryAfter: number): UpstreamError {
  const { upstream, fault, message, about, detail } = before
  return new UpstreamError(upstream, fault, message, { retryAfter, about, detail })
}
