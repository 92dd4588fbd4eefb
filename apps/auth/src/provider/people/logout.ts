// OpenID Connect RP-Initiated Logout 1.0: an app that signed its person out sends the browser here. It ends the browser's
// session and nothing else: what people approved is ended by the app (RFC 7009) or on the page of connected apps.
//
// Who sent the browser proves nothing, so a person is always asked, and is told where they go on to. Anyone who is not signed in
// is not sent on by itself: that would be a redirect to an address that a stranger registered.
import type { KoaContextWithOIDC } from 'oidc-provider'
import { pageHeaders } from '../../pages/headers.ts'
import { continuePage, loggedOutPage, logoutPage } from '../../pages/index.ts'
import { paths } from '../../paths.ts'
import { appFacts, describeRedirect } from './facts.ts'

interface LogoutState {
  readonly secret: string
  readonly postLogoutRedirectUri?: string
}

interface Session {
  readonly accountId?: string
  readonly state?: LogoutState
  readonly authorizations?: Readonly<Record<string, unknown>>
  authorizationFor(clientId: string): { persistsLogout?: boolean }
}

/** The engine's `logoutSource`. */
export async function askToSignOut(
  ctx: KoaContextWithOIDC,
  labelOf: (subject: string) => Promise<string>,
): Promise<void> {
  const session = ctx.oidc.session as unknown as Session
  // the engine would end every grant of this session that does not name offline_access
  for (const clientId of Object.keys(session.authorizations ?? {}))
    session.authorizationFor(clientId).persistsLogout = true
  const { client } = ctx.oidc
  const returnsTo = session.state?.postLogoutRedirectUri
  show(
    ctx,
    logoutPage({
      form: { action: paths.logoutConfirmation, xsrf: session.state?.secret ?? '' },
      account: await labelOf(session.accountId ?? ''),
      appsAddress: new URL(paths.apps, ctx.oidc.issuer).href,
      ...(client && { app: appFacts(client) }),
      ...(returnsTo && { returnsTo: describeRedirect(returnsTo) }),
    }),
  )
}

/** The engine's `postLogoutSuccessSource`. */
export async function showSignedOut(ctx: KoaContextWithOIDC): Promise<void> {
  show(ctx, loggedOutPage())
}

/** Replaces those answers of the engine that need a script, or that a form may not lead to. */
export function answerLogout(ctx: KoaContextWithOIDC): void {
  if (ctx.path === paths.logout && ctx.status === 200 && !ctx.oidc.session?.accountId) {
    const { post_logout_redirect_uri: uri, state } = ctx.oidc.params ?? {}
    const back = typeof uri === 'string' && { href: withState(uri, state), to: describeRedirect(uri) }
    show(ctx, loggedOutPage(back ? { back } : {}))
  }
  const location = ctx.response.get('location')
  if (
    ctx.path === paths.logoutConfirmation &&
    ctx.status === 303 &&
    new URL(location, ctx.oidc.issuer).origin !== ctx.oidc.issuer
  ) {
    ctx.remove('location')
    ctx.status = 200
    show(ctx, continuePage({ href: location }))
    ctx.set('refresh', `0;url=${location}`)
  }
}

function withState(address: string, state: unknown): string {
  const url = new URL(address)
  if (typeof state === 'string') url.searchParams.set('state', state)
  return url.href
}

function show(ctx: KoaContextWithOIDC, html: string): void {
  ctx.status = 200
  ctx.set(pageHeaders)
  ctx.type = 'html'
  ctx.body = html
}
