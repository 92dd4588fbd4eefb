import type { Session } from '../session/session.ts'

/** A session for scripts, without its tokens. Names as on the wire; times are ISO 8601. */
export function sessionDocument(session: Session) {
  const { issuer, resource, clientId, flow, scope, expiresAt, refreshToken } = session
  return {
    resource,
    issuer,
    client_id: clientId,
    flow,
    scope,
    expires_at: isoTime(expiresAt),
    renewable: refreshToken !== undefined || flow === 'machine',
  }
}

export function isoTime(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : new Date(Math.floor(seconds) * 1000).toISOString()
}
