// Valid access tokens for a saved sign-in, however many processes share it.

import { type Challenge, ClientError } from '@gatehouse/network'
import type { Clock } from '../clock.ts'
import { isExpired, isFresh, type Session, type SessionKey } from './session.ts'
import type { Shelf } from './store.ts'

export interface TokenSource {
  /** The session with an access token to send now. Throws `not_signed_in` without one. */
  current(): Promise<Session>
  /** A session with another access token than `refused`, which the MCP server answered with 401. */
  replace(refused: string): Promise<Session>
}

export interface TokenSourceOptions {
  readonly sessions: Shelf<SessionKey, Session>
  readonly key: SessionKey
  readonly clock: Clock
  /** Obtains a successor. `signed_out` means that the session is over; any other error leaves it as it is. */
  readonly renew: (session: Session) => Promise<Session>
}

/**
 * Renews under a lock on the session's file and reads the file again once it holds the lock: of many processes one
 * renews, the others take its result, and nobody presents a refresh token that another has used.
 */
export function createTokenSource({ sessions, key, clock, renew }: TokenSourceOptions): TokenSource {
  async function saved(): Promise<Session> {
    const session = await sessions.read(key)
    if (session) return session
    throw notSignedIn()
  }

  function replaced(stale: string, refused: boolean): Promise<Session> {
    return sessions.exclusive(key, async () => {
      const session = await saved()
      if (session.accessToken !== stale && isFresh(session, clock.now())) return session
      try {
        const next = await renew(session)
        await sessions.write(key, next)
        return next
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        if (error.code === 'signed_out') await sessions.remove(key)
        const usable = !refused && !isExpired(session, clock.now())
        if (error.code === 'unreachable' && usable) return session
        throw error
      }
    })
  }

  return {
    async current() {
      const session = await saved()
      return isFresh(session, clock.now()) ? session : await replaced(session.accessToken, false)
    },
    replace: (refused) => replaced(refused, true),
  }
}

export function notSignedIn(challenge?: Challenge): ClientError {
  return new ClientError('not_signed_in', 'You are not signed in.', {
    hint: 'Sign in first:',
    command: 'login',
    challenge,
  })
}

export function isNotSignedIn(error: unknown): error is ClientError {
  return error instanceof ClientError && error.code === 'not_signed_in'
}

/** Whether only a new sign-in helps. */
export function needsSignIn(error: unknown): error is ClientError {
  return isNotSignedIn(error) || (error instanceof ClientError && error.code === 'signed_out')
}
