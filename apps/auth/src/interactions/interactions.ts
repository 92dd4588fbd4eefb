// The human steps of a request: sign in, then say yes or no. Each ends by going back to the authorization server
// (gate.ts). Upstream logins are in identity/, how pages look in pages/.

import formbody from '@fastify/formbody'
import { activeSpan, inSpan } from '@gatehouse/service'
import { describeScope } from '@gatehouse/shared'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { InteractionGoneError } from '../errors.ts'
import type { Identity, Login, LoginFailure, Origin } from '../identity/identity.ts'
import { pageHeaders } from '../pages/headers.ts'
import { consentPage, continuePage, deviceApprovalPage, loginPage, type Trouble } from '../pages/index.ts'
import { paths } from '../paths.ts'
import { isSameOrigin } from '../xsrf.ts'
import { type ConnectedAppsParts, registerConnectedApps } from './connected-apps.ts'
import type { InteractionGate, PendingRequest } from './gate.ts'
import { describeDecision, describeSignIn } from './security-events.ts'
import type { Answer, Fields, Pending } from './step.ts'
import { type LoginMemories, registerUpstreamLogin, type SignInAttempt } from './upstream-login.ts'

export interface InteractionsOptions extends ConnectedAppsParts {
  readonly gate: InteractionGate
  readonly logins: readonly Login[]
  readonly originOf: (request: FastifyRequest) => Origin
  /** Called with everybody who signed in, before the request goes on: false if the rules keep them out. */
  readonly admit: (identity: Identity) => Promise<boolean>
  /** Where logins at other servers remember what they need until the person is back. */
  readonly memories: LoginMemories
  readonly onUpstreamFailure: (login: string, failure: LoginFailure) => void
  readonly issuer: string
}

/** Anyone who holds a code of an app that nobody checked may be anybody: arXiv 2605.22333. */
const unverifiedDevice = 'Nobody has checked this app. It registered itself, and could be used by anybody.'

/** A Fastify plugin with the routes below /interaction, the callbacks of logins at other servers, and our own pages. */
export function interactions(options: InteractionsOptions): FastifyPluginAsync {
  return async (app) => {
    await app.register(formbody)
    registerInteractions(app, options)
    registerConnectedApps(app, options)
  }
}

function registerInteractions(app: FastifyInstance, options: InteractionsOptions): void {
  const { gate, logins, originOf, xsrf, onSecurityEvent } = options

  const step = (
    run: (pending: Pending, fields: Fields, request: FastifyRequest, reply: FastifyReply) => Promise<Answer>,
  ) => {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const pending = await gate.pending({ request: request.raw, response: reply.raw })
      const fields = (request.body ?? {}) as Fields
      if ((request.params as { uid: string }).uid !== pending.uid) throw new InteractionGoneError()
      if (
        request.method === 'POST' &&
        !(isSameOrigin(request.headers['sec-fetch-site']) && xsrf.verify(binding(pending), fields.xsrf))
      ) {
        throw new InteractionGoneError()
      }
      const answer = await run(pending, fields, request, reply)
      if ('redirect' in answer) return reply.redirect(answer.redirect, 303)
      // a device's request ends here, with us; only an app's leads elsewhere
      if ('leave' in answer)
        return 'returnsTo' in pending ? leave(reply, answer.leave) : reply.redirect(answer.leave, 303)
      return reply.code(answer.status).headers(pageHeaders).send(answer.html)
    }
  }
  const exchange = (request: FastifyRequest, reply: FastifyReply) => ({ request: request.raw, response: reply.raw })

  app.get(
    '/interaction/:uid',
    step(async (pending) => {
      if (pending.step === 'login' || !pending.subject) return showLogin(pending)
      return showDecision(pending, pending.subject, options)
    }),
  )

  app.post(
    '/interaction/:uid/login',
    step(async (pending, fields, request, reply) => {
      if (pending.step !== 'login') return { redirect: `/interaction/${pending.uid}` }
      const refuse = (problem: string) => showLogin(pending, 403, { trouble: { problem } })
      const login = logins.find((each) => each.kind === 'form')
      if (!login) return refuse('This way to sign in is not available here.')
      const refused = login.refuse(originOf(request))
      if (refused !== undefined) {
        onSecurityEvent(describeSignIn(pending, { login: 'developer', request, refused: 'origin' }))
        return refuse(refused)
      }
      const identity = login.logIn(fields)
      if ('problem' in identity) {
        return showLogin(pending, 400, { developer: { name: String(fields.name ?? ''), problem: identity.problem } })
      }
      return enter(pending, identity, { login: 'developer', request, reply })
    }),
  )

  for (const login of logins) {
    if (login.kind !== 'redirect') continue
    registerUpstreamLogin(app, {
      ...options,
      login,
      step,
      enter,
      showLogin,
      onUpstreamFailure(id, failure, { pending, request }) {
        options.onUpstreamFailure(id, failure)
        onSecurityEvent(describeSignIn(pending, { login: id, request, refused: `login_${failure}` }))
      },
    })
  }

  async function enter(pending: Pending, identity: Identity, at: SignInAttempt): Promise<Answer> {
    if (await options.admit(identity)) {
      const redirect = await gate.signIn(exchange(at.request, at.reply), identity.subject)
      onSecurityEvent(describeSignIn(pending, { ...at, identity }))
      return { redirect }
    }
    onSecurityEvent(describeSignIn(pending, { ...at, identity, refused: 'rules' }))
    const problem = `${identity.label} may not use this server.`
    const advice = 'Sign in as somebody else, or ask the people who run it.'
    return showLogin(pending, 403, { trouble: { problem, advice } })
  }

  app.post(
    '/interaction/:uid/decision',
    step(async (pending, fields, request, reply) => {
      const { decision } = fields
      if (pending.step === 'login') return { redirect: `/interaction/${pending.uid}` }
      if (decision !== 'approve' && decision !== 'refuse') return { redirect: `/interaction/${pending.uid}` }
      // the file may have changed while the page was open: what is approved is what was shown
      if (decision === 'approve' && fields.shown !== shownBehind(pending))
        return { redirect: `/interaction/${pending.uid}` }
      return inDecision(pending, async () => {
        const at = exchange(request, reply)
        const { next, grantId } = decision === 'approve' ? await gate.approve(at) : { next: await gate.refuse(at) }
        noteDecision(request, pending, decision)
        if (decision === 'refuse' || grantId !== undefined)
          onSecurityEvent(describeDecision(pending, { decision, request, grantId }))
        return { leave: next }
      })
    }),
  )

  app.post(
    '/interaction/:uid/switch',
    step(async (_pending, _fields, request, reply) => ({
      redirect: await gate.switchAccount(exchange(request, reply)),
    })),
  )
  app.post(
    '/interaction/:uid/cancel',
    step(async (pending, _fields, request, reply) => {
      const leave = await gate.refuse(exchange(request, reply))
      if (!('ownPage' in pending)) onSecurityEvent(describeDecision(pending, { decision: 'refuse', request }))
      return { leave }
    }),
  )

  function form(pending: Pending, action: string) {
    return { action: `/interaction/${pending.uid}/${action}`, xsrf: xsrf.issue(binding(pending)) }
  }

  function showLogin(
    pending: Pending,
    status = 200,
    again: { trouble?: Trouble; developer?: { name: string; problem: string } } = {},
  ): Answer {
    const html = loginPage({
      ...('ownPage' in pending ? {} : { app: pending.app, device: pending.device !== undefined }),
      ...(logins.some(({ kind }) => kind === 'form') && {
        developer: { form: form(pending, 'login'), ...again.developer },
      }),
      providers: logins
        .filter((login) => login.kind === 'redirect')
        .map(({ id, label }) => ({ label, href: `/interaction/${pending.uid}/login/${id}` })),
      ...(again.trouble && { trouble: again.trouble }),
      cancel: form(pending, 'cancel'),
    })
    return { status, html }
  }

  async function showDecision(
    pending: PendingRequest,
    subject: string,
    { labelOf, clock }: InteractionsOptions,
  ): Promise<Answer> {
    const { app, resource, device, returnsTo, heldScopes, agreedUpstreams, words } = pending
    const describe = (scope: string) => describeScope(scope, words)
    const appsAddress = new URL(paths.apps, options.issuer).href
    const facts = {
      form: { ...form(pending, 'decision'), shown: shownBehind(pending) },
      switchAccount: form(pending, 'switch'),
      app,
      ...(resource && { resource }),
      groups: pending.groups,
      addedUpstreams: (resource?.upstreams ?? []).filter((name) => agreedUpstreams && !agreedUpstreams.includes(name)),
      scopes: pending.scopes.map(describe),
      added: pending.scopes.filter((scope) => heldScopes && !heldScopes.includes(scope)).map(describe),
      account: await labelOf(subject),
      appsAddress,
    }
    if (device)
      return {
        status: 200,
        html: deviceApprovalPage({
          ...facts,
          userCode: device.userCode,
          requester: device,
          now: clock(),
          ...(!app.trusted && !app.verifiedHost && { policyWarning: unverifiedDevice }),
        }),
      }
    if (!returnsTo) throw new InteractionGoneError()
    return { status: 200, html: consentPage({ ...facts, returnsTo }) }
  }
}

/** What a page says stands behind the server, what the app may do there and what is told of the person, as a field of its form. */
function shownBehind(pending: Pending): string | undefined {
  if ('ownPage' in pending || !pending.resource?.upstreams) return undefined
  const { resource, scopes, groups = [] } = pending
  return [resource.upstreams ?? [], scopes, groups].map((names) => names.join(' ')).join(', ')
}

/** Anyone who looks into a device that somebody was talked into approving begins here. */
/** A part of what a device asked, in whichever browser it is decided: the request of the browser is linked. */
function inDecision<T>({ trace }: PendingRequest, work: () => Promise<T>): Promise<T> {
  if (!trace) return work()
  return inSpan('device decision', { parent: { ours: trace }, links: [activeSpan()?.context] }, work)
}

function noteDecision(request: FastifyRequest, pending: PendingRequest, decision: 'approve' | 'refuse'): void {
  const { subject, app, device } = pending
  const asked = device && { device: { askedFrom: device.address, agent: device.agent, askedAt: device.askedAt } }
  request.log.info({ decision, subject, clientId: app.clientId, ...asked }, 'a person decided on a request')
}

/** By a page of its own rather than a redirect: see continuePage(). */
function leave(reply: FastifyReply, url: string): FastifyReply {
  const { pathname, search } = new URL(url)
  const href = pathname + search
  return reply
    .code(200)
    .headers({ ...pageHeaders, refresh: `0;url=${href}` })
    .send(continuePage({ href }))
}

function binding({ uid }: Pending): string {
  return `interaction:${uid}`
}
