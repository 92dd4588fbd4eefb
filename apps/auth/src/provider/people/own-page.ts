// Signing in for a page of our own, for which no app asks. It is an interaction like any other, so that there is one way to
// sign in with one set of defences, except that it ends here rather than in the engine: the session is the engine's own.
import { randomBytes } from 'node:crypto'
import type { Adapter, Interaction, Provider } from 'oidc-provider'
import type { Config } from '../../config.ts'
import type { Exchange, OwnPage, Visitor } from '../../interactions/gate.ts'
import { paths } from '../../paths.ts'
import { cookieOptions } from '../configuration.ts'
import { sessionLifetime } from '../lifetimes.ts'

const reason = 'own_page'

/** Where each leads once somebody signed in. Nothing that is sent to us decides it. */
const pagePaths: Readonly<Record<OwnPage, string>> = { connected_apps: paths.apps }

export interface OwnPages {
  /** Who is signed in in this browser and may be. */
  visitor(exchange: Exchange): Promise<Visitor | undefined>
  /** Opens a sign-in for one browser. Returns its address. */
  open(exchange: Exchange, page: OwnPage): Promise<string>
  /** Which page an interaction is for; undefined if an app asked for it. */
  pageOf(interaction: Interaction): OwnPage | undefined
  /** Anyone who has the cookie of this interaction is this person from now on. Returns where the browser goes next. */
  signIn(exchange: Exchange, interaction: Interaction, subject: string): Promise<string>
}

export interface OwnPagesOptions {
  readonly provider: () => Provider
  readonly config: Pick<Config, 'issuer' | 'lifetimes'>
  readonly isAdmitted: (subject: string) => Promise<boolean>
}

/** The engine's session, and what its types leave out. */
interface Session {
  id: string
  readonly uid: string
  readonly exp?: number
  readonly accountId?: string
  readonly adapter: Adapter
  authorizations?: unknown
  loginAccount(details: { accountId: string }): void
  save(lifetime: number): Promise<unknown>
}

interface Context {
  readonly cookies: { secure: boolean; set(name: string, value: string, options: object): void }
}

export function createOwnPages({ provider, config, isAdmitted }: OwnPagesOptions): OwnPages {
  const { issuer, lifetimes } = config
  const contextOf = ({ request, response }: Exchange) => {
    const context = provider().createContext(request, response) as unknown as Context
    // by configuration, as for the engine, whatever the proxy in front says
    context.cookies.secure = issuer.startsWith('https:')
    return context
  }
  const sessionOf = async (context: Context) => (await provider().Session.get(context as never)) as unknown as Session
  const nameOf = (cookie: string) => (provider() as unknown as { cookieName(name: string): string }).cookieName(cookie)

  return {
    async visitor(exchange) {
      const { accountId, uid, exp } = await sessionOf(contextOf(exchange))
      if (!accountId || exp === undefined || !(await isAdmitted(accountId))) return undefined
      return { subject: accountId, session: uid }
    },

    async open(exchange, page) {
      const uid = randomBytes(32).toString('base64url')
      const { Interaction } = provider()
      const interaction = new (Interaction as unknown as new (uid: string, payload: object) => Interaction)(uid, {
        returnTo: issuer + pagePaths[page],
        prompt: { name: 'login', reasons: [reason], details: { page } },
        params: {},
        cid: uid,
      })
      await interaction.save(lifetimes.interaction)
      const path = `/interaction/${uid}`
      const options = { ...cookieOptions(issuer), path, maxAge: lifetimes.interaction * 1000 }
      contextOf(exchange).cookies.set(nameOf('interaction'), uid, options)
      return path
    },

    pageOf: ({ prompt: { reasons, details } }) =>
      reasons.includes(reason) ? ((details as { page?: OwnPage }).page ?? undefined) : undefined,

    async signIn(exchange, interaction, subject) {
      const context = contextOf(exchange)
      const session = await sessionOf(context)
      // the same person keeps what the engine knows of them; somebody else begins from the start
      if (session.accountId !== subject) Object.assign(session, { authorizations: undefined })
      session.loginAccount({ accountId: subject })
      // an id that was there before the sign-in is worth nothing after it; it goes last, as in adapters/sessions.ts
      const before = session.id
      session.id = randomBytes(32).toString('base64url')
      const lifetime = sessionLifetime(config)
      await session.save(lifetime)
      await session.adapter.destroy(before)
      const expires = new Date(Date.now() + lifetime * 1000)
      context.cookies.set(nameOf('session'), session.id, { ...cookieOptions(issuer), expires })
      await interaction.destroy()
      return interaction.returnTo
    },
  }
}
