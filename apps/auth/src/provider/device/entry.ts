// The form at /device, in front of the engine: fills in the code from a link and submits nothing by itself
// (RFC 8628 §3.3.1), sends a browser without a session back to the form, counts wrong codes (§5.1), and lets several
// tabs live side by side.
//
// This folder is what we add to the engine's device flow. Codes are stored by ../adapters, and decided in ../people.

import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Provider } from 'oidc-provider'
import { takeEach, takeFrom, takeShare } from '../../limits/budgets.ts'
import { limits } from '../../limits/matrix.ts'
import { networkOf } from '../../limits/network.ts'
import { pageHeaders } from '../../pages/headers.ts'
import { deviceEntryPage } from '../../pages/index.ts'
import { paths } from '../../paths.ts'
import type { AttemptStore } from '../../store/contract.ts'
import { isAsLongAsUserCode, readUserCode, showUserCode } from '../../user-codes.ts'
import { isSameOrigin, type Xsrf } from '../../xsrf.ts'
import { type EntryForm, entryBinding } from './pages.ts'

/** Wrong codes of one browser session. Sessions are free for anyone who guesses: limits/matrix.ts has what carries the weight. */
const sessionLimit = 5

type Session = { uid: string; new?: true; exp?: number; state?: { secret?: string }; persist(): Promise<unknown> }

export interface DeviceEntry {
  /** Prepares GET /device for the engine. */
  show(request: FastifyRequest): void
  /** Prepares POST /device for the engine, or answers it. Returns what to call once the engine has answered, if it is to. */
  submit(request: FastifyRequest, reply: FastifyReply): Promise<((status: number) => Promise<void>) | undefined>
  /** Whether the browser has a live session. */
  hasSession(request: FastifyRequest): Promise<boolean>
  formFor(request: object): EntryForm | undefined
}

export function createDeviceEntry(
  provider: () => Provider,
  { xsrf, attempts, onTooMany }: { xsrf: Xsrf; attempts: AttemptStore; onTooMany: () => void },
): DeviceEntry {
  const forms = new WeakMap<object, EntryForm>()

  const again = (reply: FastifyReply, status: number, session: Session, form: EntryForm) => {
    const html = deviceEntryPage({
      form: { action: paths.device, xsrf: xsrf.issue(entryBinding(session.uid)) },
      ...form,
    })
    if (form.retryAfterSeconds) reply.header('retry-after', form.retryAfterSeconds)
    return reply.code(status).headers(pageHeaders).send(html)
  }

  return {
    formFor: (request) => forms.get(request),
    hasSession: async (request) => (await loadSession(provider(), request)) !== undefined,

    show(request) {
      const { user_code: code, notice } = request.query as { user_code?: unknown; notice?: unknown }
      const userCode = showUserCode(readUserCode(code))
      forms.set(request.raw, {
        ...(userCode && { userCode }),
        ...(notice === 'session_lost' && { problem: 'session_lost' }),
      })
      request.raw.url = paths.device
    },

    async submit(request, reply) {
      const body = (request.body ?? {}) as Record<string, unknown>
      const code = readUserCode(body.user_code)
      const userCode = showUserCode(code)
      const session = await loadSession(provider(), request)
      if (!session) {
        await reply.redirect(`${paths.device}?notice=session_lost${userCode ? `&user_code=${userCode}` : ''}`, 303)
        return undefined
      }
      const typed = userCode ? { userCode } : {}
      if (!isSameOrigin(request.headers['sec-fetch-site']) || !xsrf.verify(entryBinding(session.uid), body.xsrf)) {
        await again(reply, 400, session, { ...typed, problem: 'try_again' })
        return undefined
      }
      if (!isAsLongAsUserCode(code)) {
        await again(reply, 400, session, { ...typed, problem: code ? 'wrong_code' : 'missing_code' })
        return undefined
      }
      const { window } = limits.user_code
      const taken = await takeEach([
        () => takeFrom(attempts, { name: `user_code:session:${session.uid}`, limit: sessionLimit, window }),
        () => takeShare(attempts, 'user_code', limits.user_code, networkOf(request.ip)),
      ])
      if (!taken.allowed) {
        onTooMany()
        await again(reply, 429, session, { problem: 'too_many', retryAfterSeconds: taken.retryAfter })
        return undefined
      }
      request.raw.body = { user_code: code, confirm: 'yes', xsrf: await engineSecret(session) }
      return async (status) => {
        if (status !== 400) await taken.giveBack()
      }
    },
  }
}

/** The browser's session, if it has a live one. */
async function loadSession(provider: Provider, { raw }: FastifyRequest): Promise<Session | undefined> {
  const session = (await provider.Session.get(provider.createContext(raw, {} as never) as never)) as unknown as Session
  return session.new || session.exp === undefined ? undefined : session
}

/** The engine has one secret a session and drops it when a code is accepted; our token has been checked by now. */
async function engineSecret(session: Session): Promise<string> {
  if (!session.state?.secret) {
    session.state = { secret: randomBytes(24).toString('hex') }
    await session.persist()
  }
  return session.state.secret as string
}
