// Signing in at another server, there and back. `state` is the id of the pending request: the browser that comes back
// must have the cookie of that very request, which is scoped to its path. That match is the defence against being
// signed in as somebody else by a link.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AlreadyConsumedError, InteractionGoneError } from '../errors.ts'
import {
  type Identity,
  LoginFailedError,
  type LoginFailure,
  type LoginMemory,
  OfflineRefusedError,
  type RedirectLogin,
} from '../identity/identity.ts'
import type { Trouble } from '../pages/index.ts'
import type { RecordStore } from '../store/contract.ts'
import type { Answer, Fields, Pending } from './step.ts'

const model = 'UpstreamLogin'
const lifetimeMs = 600_000

/** What a login remembers between there and back, for one pending request at a time. */
export interface LoginMemories {
  keep(uid: string, login: string, memory: LoginMemory): Promise<void>
  /** What was kept, once: a second answer to the same question finds nothing. */
  take(uid: string, login: string): Promise<LoginMemory | undefined>
}

export function createLoginMemories(records: RecordStore): LoginMemories {
  const id = (uid: string, login: string) => `${login}:${uid}`
  return {
    keep: async (uid, login, memory) => {
      // begun again, as after the back button: only the newest answer counts
      await records.destroy(model, id(uid, login))
      await records.put(model, id(uid, login), memory, lifetimeMs)
    },
    async take(uid, login) {
      const record = await records.find(model, id(uid, login))
      if (!record) return undefined
      try {
        await records.consume(model, id(uid, login))
      } catch (error) {
        if (error instanceof AlreadyConsumedError) return undefined
        throw error
      }
      return record.payload as LoginMemory
    },
  }
}

export interface SignInAttempt {
  /** By which login. */
  readonly login: string
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

export interface UpstreamLoginParts {
  readonly login: RedirectLogin
  readonly issuer: string
  readonly memories: LoginMemories
  /** Told of each sign-in that ended at the other server, beside the log. */
  readonly onUpstreamFailure: (
    login: string,
    failure: LoginFailure,
    at: { readonly pending: Pending; readonly request: FastifyRequest },
  ) => void
  readonly step: (
    run: (pending: Pending, fields: Fields, request: FastifyRequest, reply: FastifyReply) => Promise<Answer>,
  ) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
  readonly enter: (pending: Pending, identity: Identity, at: SignInAttempt) => Promise<Answer>
  readonly showLogin: (pending: Pending, status: number, again: { trouble: Trouble }) => Answer
}

/** Registers `GET /interaction/:uid/login/<id>`, the fixed callback `/login/<id>/callback`, and where that leads to. */
export function registerUpstreamLogin(
  app: FastifyInstance,
  { login, issuer, memories, onUpstreamFailure, step, enter, showLogin }: UpstreamLoginParts,
): void {
  const redirectUri = `${issuer}/login/${login.id}/callback`

  app.get(
    `/interaction/:uid/login/${login.id}`,
    step(async (pending, _fields, request) => {
      if (pending.step !== 'login') return { redirect: `/interaction/${pending.uid}` }
      const online = 'online' in (request.query as Fields)
      const { url, memory } = await login.begin({ state: pending.uid, redirectUri, online })
      await memories.keep(pending.uid, login.id, memory)
      return { redirect: url }
    }),
  )

  app.get(`/login/${login.id}/callback`, async (request, reply) => {
    const { state } = request.query as Fields
    if (typeof state !== 'string' || !/^[\w-]{16,128}$/.test(state)) throw new InteractionGoneError()
    const query = new URLSearchParams(request.query as Record<string, string>)
    query.delete('state')
    return reply.redirect(`/interaction/${state}/login/${login.id}/callback?${query}`, 303)
  })

  app.get(
    `/interaction/:uid/login/${login.id}/callback`,
    step(async (pending, _fields, request, reply) => {
      if (pending.step !== 'login') return { redirect: `/interaction/${pending.uid}` }
      const memory = await memories.take(pending.uid, login.id)
      // reloaded, or reached again by the back button: the answer is spent, the request is not
      if (!memory) {
        const problem = `The answer from ${login.label} counts once, and it was used.`
        return showLogin(pending, 400, { trouble: { problem, advice: 'Nothing is lost: sign in again.' } })
      }
      let identity: Identity
      try {
        identity = await login.finish({ answer: request.query as Fields, memory, redirectUri })
      } catch (error) {
        if (!(error instanceof LoginFailedError)) throw error
        if (error instanceof OfflineRefusedError) {
          request.log.warn({ login: login.id, reason: error.message }, 'asked again for a sign-in alone')
          return { redirect: `/interaction/${pending.uid}/login/${login.id}?online` }
        }
        request.log.warn({ login: login.id, failure: error.failure, reason: error.message }, 'sign-in upstream failed')
        onUpstreamFailure(login.id, error.failure, { pending, request })
        const { status, ...trouble } = explain(error.failure, login.label)
        return showLogin(pending, status, { trouble })
      }
      return enter(pending, identity, { login: login.id, request, reply })
    }),
  )
}

function explain(failure: LoginFailure, label: string): Trouble & { readonly status: number } {
  switch (failure) {
    case 'unavailable':
      return {
        status: 502,
        problem: `${label} did not answer as it should.`,
        advice: 'Nothing is lost: try again in a moment.',
      }
    case 'refused':
      return {
        status: 403,
        problem: `${label} did not let you in, or you said no there.`,
        advice: 'You can try again.',
      }
    case 'misconfigured':
      return {
        status: 502,
        problem: `${label} does not accept this server.`,
        advice: 'Only the people who run it can mend that. Tell them.',
      }
  }
}
