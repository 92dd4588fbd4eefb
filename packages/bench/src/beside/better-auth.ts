// A program: Better Auth with its OAuth provider plugin, its store in memory, and one client that gets tokens for itself.
//   node better-auth.ts PORT RESOURCE
// It prints the client's id and secret, as JSON, once it listens.
import { createServer } from 'node:http'
import { oauthProvider } from '@better-auth/oauth-provider'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { getAuthTables } from 'better-auth/db'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'

const [port, resource = ''] = process.argv.slice(2)
const origin = `http://localhost:${port}`
const provider = oauthProvider({
  ...{ loginPage: '/sign-in', consentPage: '/consent' },
  scopes: ['mcp:tools:call'],
  resources: [resource],
  cachedResources: new Set([resource]),
  enforcePerClientResources: false,
  rateLimit: { token: false },
})
const options: BetterAuthOptions = {
  baseURL: origin,
  secret: 'q7Jx0vT2mZ9bR4kW8nY1cP5sD3fH6gLa',
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  emailAndPassword: { enabled: true },
  // its types are not made for exactOptionalPropertyTypes
  plugins: [jwt({ jwks: { keyPairConfig: { alg: 'ES256' } } }), provider] as unknown as NonNullable<
    BetterAuthOptions['plugins']
  >,
}
const names = Object.values(getAuthTables(options)).map(({ modelName }) => modelName)
const tables = Object.fromEntries(names.map((name) => [name, [] as Record<string, unknown>[]]))
const auth = betterAuth({ ...options, database: memoryAdapter(tables) })

const post = (path: string, body: object, cookie = '') =>
  auth.handler(
    new Request(`${origin}/api/auth${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin, cookie },
      body: JSON.stringify(body),
    }),
  )
const operator = { name: 'Operator', email: 'operator@example.com', password: 'a password of an operator' }
const signedUp = await post('/sign-up/email', operator)
const cookie = signedUp.headers.getSetCookie().map((set) => set.split(';')[0])
const robot = {
  redirect_uris: ['https://robot.example.com/callback'],
  grant_types: ['client_credentials'],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_post',
  scope: 'mcp:tools:call',
}
// which scopes a client may have for itself, an operator says in a page of the site: here it is written into the store
const registered = await (await post('/oauth2/create-client', robot, cookie.join('; '))).json()
Object.assign(tables.oauthClient?.[0] ?? {}, { clientCredentialsScopes: ['mcp:tools:call'] })
createServer((request, response) => void toNodeHandler(auth)(request, response)).listen(
  Number(port),
  '127.0.0.1',
  () => void process.stdout.write(`${JSON.stringify(registered)}\n`),
)
process.on('SIGTERM', () => process.exit())
