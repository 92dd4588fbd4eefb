// The page on which people see what they approved, and end it.
import { type AuditEvent, describeScope } from '@gatehouse/shared'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TooManyRequestsError } from '../errors.ts'
import { pageHeaders } from '../pages/headers.ts'
import { type ConnectedAppsFacts, connectedAppsPage } from '../pages/index.ts'
import { paths } from '../paths.ts'
import type { Clock } from '../store/contract.ts'
import { isSameOrigin, type Xsrf } from '../xsrf.ts'
import type { ConnectedApp, ConnectedApps, Exchange, Visitor, Visits } from './gate.ts'

export interface ConnectedAppsParts {
  readonly visits: Visits
  readonly connectedApps: ConnectedApps
  /** Asked before anything is kept for somebody who is not signed in. `retryAfter` is in seconds. */
  readonly allowVisit: (request: FastifyRequest) => Promise<{ readonly allowed: boolean; readonly retryAfter: number }>
  readonly labelOf: (subject: string) => Promise<string>
  /** Seconds for which an app that was disconnected may still use what it was given last. */
  readonly accessTokenLifetime: number
  readonly onSecurityEvent: (event: AuditEvent) => void
  readonly xsrf: Xsrf
  readonly clock: Clock
}

type Outcome = ConnectedAppsFacts['outcome']
type Fields = Readonly<Record<string, unknown>>

/** Registers `GET /apps`, and what its forms post to. Anyone who is not signed in is led through the sign-in and back. */
export function registerConnectedApps(app: FastifyInstance, parts: ConnectedAppsParts): void {
  const { visits, connectedApps, allowVisit, labelOf, accessTokenLifetime, onSecurityEvent, xsrf, clock } = parts

  const show = async (reply: FastifyReply, visitor: Visitor, status: number, outcome?: Outcome) => {
    const token = xsrf.issue(binding(visitor))
    const html = connectedAppsPage({
      apps: (await connectedApps.list(visitor.subject)).map((each) => ({
        ...each,
        access: each.access.map(({ words, ...entry }) => ({
          ...entry,
          scopes: entry.scopes.map((scope) => describeScope(scope, words)),
        })),
      })),
      disconnect: { action: paths.appsDisconnect, xsrf: token },
      outcome,
      accessTokenLifetime,
      now: clock(),
      account: await labelOf(visitor.subject),
      switchAccount: { action: paths.appsSwitch, xsrf: token },
    })
    return reply.code(status).headers(pageHeaders).send(html)
  }

  const signIn = async (request: FastifyRequest, reply: FastifyReply) => {
    const { allowed, retryAfter } = await allowVisit(request)
    if (!allowed) throw new TooManyRequestsError(retryAfter)
    return reply.redirect(await visits.open(exchange(request, reply), 'connected_apps'), 303)
  }

  /** A form of this page. Nothing is done for one that is not this browser's, or was shown to somebody else in it. */
  const form = (run: (visitor: Visitor, fields: Fields, request: FastifyRequest, reply: FastifyReply) => unknown) => {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const visitor = await visits.visitor(exchange(request, reply))
      if (!visitor) return reply.redirect(paths.apps, 303)
      const fields = (request.body ?? {}) as Fields
      const isOurs = isSameOrigin(request.headers['sec-fetch-site']) && xsrf.verify(binding(visitor), fields.xsrf)
      return isOurs ? run(visitor, fields, request, reply) : show(reply, visitor, 400, { kind: 'out_of_date' })
    }
  }

  app.get(paths.apps, async (request, reply) => {
    const visitor = await visits.visitor(exchange(request, reply))
    return visitor ? show(reply, visitor, 200) : signIn(request, reply)
  })

  // where the browser stands after a form, should the page be asked for again
  for (const path of [paths.appsDisconnect, paths.appsSwitch])
    app.get(path, async (_request, reply) => reply.redirect(paths.apps, 303))

  app.post(
    paths.appsDisconnect,
    form(async (visitor, { grant, all }, request, reply) => {
      const id = typeof grant === 'string' ? grant : undefined
      if (id === undefined && all !== 'yes') return show(reply, visitor, 400, { kind: 'out_of_date' })
      const named = id === undefined ? undefined : await find(visitor, id)
      const ended = await connectedApps.end(visitor.subject, id)
      for (const { clientId, grantId } of ended) {
        const { subject } = visitor
        request.log.info({ subject, clientId }, 'a person disconnected an app')
        onSecurityEvent({
          event: 'grant_ended',
          outcome: 'ok',
          reason: 'disconnected',
          request: request.id,
          grant: grantId,
          subject,
          client: clientId,
          address: request.ip,
        })
      }
      // one that is not on the list could do nothing any more
      const isDone = ended.length > 0 && (id === undefined || named !== undefined)
      const outcome: Outcome = isDone ? { kind: 'ended', app: named?.app } : { kind: 'nothing_left' }
      return show(reply, visitor, 200, outcome)
    }),
  )

  app.post(
    paths.appsSwitch,
    form((_visitor, _fields, request, reply) => signIn(request, reply)),
  )

  async function find({ subject }: Visitor, id: string): Promise<ConnectedApp | undefined> {
    return (await connectedApps.list(subject)).find((each) => each.id === id)
  }
}

function exchange(request: FastifyRequest, reply: FastifyReply): Exchange {
  return { request: request.raw, response: reply.raw }
}

function binding({ session, subject }: Visitor): string {
  return `apps:${session}:${subject}`
}
