// What people do here, as events of the audit.
import type { AuditEvent } from '@gatehouse/shared'
import type { FastifyRequest } from 'fastify'
import type { Identity } from '../identity/identity.ts'
import type { PendingRequest } from './gate.ts'
import type { Pending } from './step.ts'

interface SignIn {
  readonly login: string
  readonly request: FastifyRequest
  /** Absent where the login did not say. */
  readonly identity?: Identity
  /** Why somebody was not let in. */
  readonly refused?: string
}

export function describeSignIn(pending: Pending, { login, request, identity, refused }: SignIn): AuditEvent {
  return {
    event: refused === undefined ? 'sign_in' : 'sign_in_refused',
    outcome: refused === undefined ? 'ok' : 'refused',
    decision: refused === undefined ? 'allow' : 'deny',
    ...(refused !== undefined && { reason: refused }),
    ...ofRequest(pending, request),
    ...(identity && { subject: identity.subject, name: identity.label }),
    login,
  }
}

interface Decided {
  readonly decision: 'approve' | 'refuse'
  readonly request: FastifyRequest
  readonly grantId?: string | undefined
}

export function describeDecision(pending: PendingRequest, { decision, request, grantId }: Decided): AuditEvent {
  const [approved, refused] = pending.device
    ? (['device_approved', 'device_refused'] as const)
    : (['consent_approved', 'consent_refused'] as const)
  const isApproved = decision === 'approve'
  return {
    event: isApproved ? approved : refused,
    outcome: isApproved ? 'ok' : 'refused',
    decision: isApproved ? 'allow' : 'deny',
    ...ofRequest(pending, request),
    ...(grantId !== undefined && { grant: grantId }),
    ...(pending.subject && { subject: pending.subject }),
    ...(pending.resource && { endpoint: pending.resource.url }),
    scopes: [...pending.scopes],
  }
}

function ofRequest(pending: Pending, { id, ip }: FastifyRequest) {
  const app = 'ownPage' in pending ? undefined : pending.app
  return {
    request: id,
    flow: pending.flow,
    address: ip,
    ...(app && { client: app.clientId, ...(app.name && { clientName: app.name }) }),
  }
}
