// An OpenID provider that other people wrote: Better Auth with its OAuth provider plugin, run here as a site would run it.
// The pages are the site's, so they are ours; the protocol, the keys, the sessions and the people are theirs.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { oauthProvider } from '@better-auth/oauth-provider'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { getAuthTables } from 'better-auth/db'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import { listen } from './listen.ts'

export interface BetterAuthSite extends AsyncDisposable {
  readonly issuer: string
  /** What the site registered us as. */
  readonly clientId: string
  readonly clientSecret: string
  /** Somebody with an account there, whose address nobody has verified yet. */
  readonly person: { readonly email: string; readonly password: string; readonly id: string }
  /** Whether it says that the address is verified. */
  readonly verifyEmail: (verified?: boolean) => void
}

const ada = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'a password of a person' }
const operator = { name: 'Operator', email: 'operator@example.com', password: 'a password of an operator' }

/**
 * `redirectUri` is where it may send people back to; on a loopback host with any port. `scope` is what we are registered for: the
 * site has more, and refuses a request for what we are not.
 */
export async function openBetterAuthSite(redirectUri: string, scope = 'openid email'): Promise<BetterAuthSite> {
  const server = createServer((request, response) => void handle(request, response))
  const { origin, stop } = await listen(server)
  const { auth, tables } = openBetterAuth(origin)
  const send = (endpoint: string, body: object, cookie = '') =>
    auth.handler(
      new Request(`${origin}/api/auth${endpoint}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin, cookie },
        body: JSON.stringify(body),
      }),
    )

  /** A page of the site: what its form says goes to Better Auth together with the request that Better Auth signed. */
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const { pathname, search } = new URL(request.url ?? '/', origin)
    const known = pages[pathname]
    if (!known) return toNodeHandler(auth)(request, response)
    if (request.method === 'GET') return response.setHeader('content-type', 'text/html').end(known.html)
    const { accept, ...fields } = Object.fromEntries(new URLSearchParams(await text(request)))
    const body = { ...fields, ...(accept && { accept: true }), oauth_query: search.slice(1) }
    const answer = await send(known.endpoint, body, request.headers.cookie)
    const { url, redirect_uri: target = url } = (await answer.json()) as Record<string, string | undefined>
    if (!target) return response.writeHead(answer.status).end()
    return response.writeHead(303, { location: target, 'set-cookie': answer.headers.getSetCookie() }).end()
  }

  await send('/sign-up/email', ada)
  const signedUp = await send('/sign-up/email', operator)
  const cookie = signedUp.headers.getSetCookie().map((set) => set.split(';')[0])
  // it allows redirects to this machine to native clients alone
  const registration = { redirect_uris: [redirectUri], scope, application_type: 'native' }
  const registered = await send('/oauth2/create-client', registration, cookie.join('; '))
  const client = (await registered.json()) as { readonly client_id: string; readonly client_secret: string }
  const person = tables.user?.find((user) => user.email === ada.email) ?? {}
  return {
    issuer: `${origin}/api/auth`,
    clientId: client.client_id,
    clientSecret: client.client_secret,
    person: { email: ada.email, password: ada.password, id: String(person.id) },
    verifyEmail: (verified = true) => void Object.assign(person, { emailVerified: verified }),
    [Symbol.asyncDispose]: stop,
  }
}

const page = (fields: string) =>
  `<!doctype html><title>Example site</title><h1>Example site</h1><form method="post" action="">${fields}</form>`
const pages: Readonly<Record<string, { readonly html: string; readonly endpoint: string }>> = {
  '/sign-in': {
    html: page(
      '<label>E-mail <input name="email"></label> <label>Password <input name="password" type="password"></label> <button>Sign in</button>',
    ),
    endpoint: '/sign-in/email',
  },
  '/consent': { html: page('<button name="accept" value="true">Allow</button>'), endpoint: '/oauth2/consent' },
}

function openBetterAuth(origin: string) {
  const pages = { loginPage: '/sign-in', consentPage: '/consent' }
  const plugins = [jwt({ jwks: { keyPairConfig: { alg: 'RS256' } } }), oauthProvider(pages)]
  const options: BetterAuthOptions = {
    baseURL: origin,
    secret: 'q7Jx0vT2mZ9bR4kW8nY1cP5sD3fH6gLa',
    telemetry: { enabled: false },
    emailAndPassword: { enabled: true },
    // its types are not made for exactOptionalPropertyTypes
    plugins: plugins as unknown as NonNullable<BetterAuthOptions['plugins']>,
  }
  const names = Object.values(getAuthTables(options)).map(({ modelName }) => modelName)
  const tables: Record<string, Record<string, unknown>[]> = Object.fromEntries(names.map((name) => [name, []]))
  return { auth: betterAuth({ ...options, database: memoryAdapter(tables) }), tables }
}
