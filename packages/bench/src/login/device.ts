// What devices have in common that are no program of their own: what they register as, and when they ask (RFC 8628 §3.5).
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StartedLogin } from './client.ts'

export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
export const deviceScope = 'mcp:tools:read mcp:tools:call'
/** RFC 8628 §3.2, §3.5, in seconds. */
const defaultInterval = 5
const slower = 5

/** Resolves with the error of the answer; with nothing when there are tokens. */
type Ask = () => Promise<string | undefined>

export const metadataOf = (name: string) => ({
  client_name: name,
  grant_types: [deviceGrant, 'refresh_token'],
  response_types: [],
  redirect_uris: [],
  token_endpoint_auth_method: 'none',
})

/** The interval is from an answer to the next request. */
export async function pollWithPauses(interval = defaultInterval, ask: Ask, signal: AbortSignal): Promise<void> {
  let pause = interval
  for (;;) {
    await sleep(pause * 1000, undefined, { signal })
    const outcome = await outcomeOf(ask)
    if (outcome === 'token') return
    if (outcome === 'slow_down') pause += slower
  }
}

/**
 * The interval is that of a clock which goes on while a request is under way, and of the ticks that pass it by the clock
 * keeps one: so does golang.org/x/oauth2. The first request comes at once.
 */
export async function pollWithTicker(interval = defaultInterval, ask: Ask, signal: AbortSignal): Promise<void> {
  if ((await outcomeOf(ask)) === 'token') return
  let period = interval
  let ticker = startTicker(period)
  try {
    for (;;) {
      await ticker.tick(signal)
      const outcome = await outcomeOf(ask)
      if (outcome === 'token') return
      if (outcome === 'pending') continue
      ticker.stop()
      period += slower
      ticker = startTicker(period)
    }
  } finally {
    ticker.stop()
  }
}

async function outcomeOf(ask: Ask): Promise<'token' | 'pending' | 'slow_down'> {
  const error = await ask()
  if (error === undefined) return 'token'
  if (error === 'authorization_pending') return 'pending'
  if (error === 'slow_down') return 'slow_down'
  throw new Error(`it was refused: ${error}`)
}

/** `period` is in seconds. */
function startTicker(period: number) {
  const ticks = new EventTarget()
  let isKept = false
  const timer = setInterval(() => {
    isKept = true
    ticks.dispatchEvent(new Event('tick'))
  }, period * 1000)
  return {
    async tick(signal: AbortSignal) {
      if (!isKept) await once(ticks, 'tick', { signal })
      isKept = false
    },
    stop: () => clearInterval(timer),
  }
}

export function started(userCode: string, tokens: Promise<unknown>, stop: AbortController): StartedLogin {
  const ended = tokens.then(() => undefined)
  ended.catch(() => undefined) // told to those who wait for it, if anybody still does
  return {
    asks: { userCode },
    ended,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await ended.catch(() => undefined)
    },
  }
}
