// A sign-in that is kept between runs. Never in it: a client secret, an address that was not checked.
import { z } from 'zod'

export const session = z.object({
  issuer: z.string(),
  resource: z.string(),
  clientId: z.string(),
  /** How it was obtained, which is how it is renewed: with the refresh token, or with the client's secret. */
  flow: z.enum(['device', 'browser', 'machine']),
  accessToken: z.string().min(1),
  refreshToken: z.string().optional(),
  /** Space-separated, as granted. */
  scope: z.string(),
  /** Seconds since the epoch. */
  obtainedAt: z.number(),
  /** Seconds since the epoch; absent: the server did not say. */
  expiresAt: z.number().optional(),
})

export type Session = Readonly<z.infer<typeof session>>

/** What a session belongs to. `clientId` only where somebody gave one: our own registration may change under it. */
export interface SessionKey {
  readonly issuer: string
  readonly resource: string
  readonly clientId?: string | undefined
}

const renewBefore = 30

/** Whether the access token can be sent as it is: not within 30 s of its end (half its life, if that is shorter). */
export function isFresh({ obtainedAt, expiresAt }: Session, now: number): boolean {
  if (expiresAt === undefined) return true
  return now < expiresAt - Math.min(renewBefore, (expiresAt - obtainedAt) / 2)
}

/** Whether the access token has reached its end. */
export function isExpired({ expiresAt }: Session, now: number): boolean {
  return expiresAt !== undefined && now >= expiresAt
}

/**
 * The subject that an access token names if it is a JWT (RFC 9068), to greet the person with. For display only: nothing
 * is verified, and nothing may be decided by it.
 */
export function subjectForDisplay(accessToken: string): string | undefined {
  try {
    const [, payload = ''] = accessToken.split('.')
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const { sub } = claims as { sub?: unknown }
    return typeof sub === 'string' ? sub : undefined
  } catch {
    return undefined
  }
}
