import { clockTolerance } from '@gatehouse/guard'

/** The longest that a timer can be set to, in milliseconds. */
const longestTimer = 2_147_483_647

export interface TokenLife extends Disposable {
  /** Aborted when the token no longer opens anything. */
  readonly signal: AbortSignal
}

/**
 * The rest of a token's life: nothing that began with it outlives it. A token that is taken although it has just expired
 * (the guard allows clocks to differ) counts until it would be refused. `expiresAt` is in seconds, `now` in milliseconds
 * since the epoch. To be disposed of: until then it holds a timer.
 */
export function lifeOf({ expiresAt }: { readonly expiresAt: number }, now: number): TokenLife {
  const rest = expiresAt * 1000 - now
  const allowed = rest > 0 ? rest : rest + clockTolerance * 1000
  const expiry = new AbortController()
  const timer = setTimeout(() => expiry.abort(), Math.min(Math.max(allowed, 0), longestTimer)).unref()
  return { signal: expiry.signal, [Symbol.dispose]: () => clearTimeout(timer) }
}
