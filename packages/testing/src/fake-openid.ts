// An OpenID provider for tests: discovery, authorization code with PKCE, ID tokens signed with a key that it publishes,
// userinfo, refresh tokens. As honest as a provider should be, until `fault` says otherwise.
import { createHash, randomBytes } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { createKey, type IdTokenFault, type Key, signIdToken } from './fake-openid-tokens.ts'

export interface FakeOpenIdUser {
  readonly sub: string
  /** In the ID token, over what every ID token has. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** What the userinfo endpoint says besides `sub`. */
  readonly userinfo?: Readonly<Record<string, unknown>>
}

/** How an endpoint fails as a whole. `slow` answers after the client gave up. */
type TransportFault = 'server error' | 'too many requests' | 'html' | 'slow' | 'redirect' | 'endless' | 'not found'
type MetadataFault = 'foreign issuer in metadata' | 'no endpoints in metadata'
/** What the browser brings back. */
type AnswerFault = 'no iss' | 'foreign iss'
type TokenFault = 'client revoked' | 'error with 200' | 'no id_token' | 'no refresh token'

/** How the provider is not what it should be, one at a time. */
export type FakeOpenIdFault =
  | TransportFault
  | MetadataFault
  | AnswerFault
  | TokenFault
  | IdTokenFault
  | 'foreign sub in userinfo'
export type FakeOpenIdEndpoint = '/.well-known/openid-configuration' | '/jwks' | '/token' | '/userinfo'

export interface FakeOpenIdProvider extends AsyncDisposable {
  /** Also where it listens. No trailing slash. */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** By the name that the buttons of its sign-in page show. */
  readonly users: Map<string, FakeOpenIdUser>
  /** Until it is set back to undefined. */
  fault: FakeOpenIdFault | undefined
  /** Where a fault of transport is; undefined: at every endpoint but the sign-in page. */
  faultAt: FakeOpenIdEndpoint | undefined
  /** Laid over the discovery document. */
  metadata: Record<string, unknown>
  /** Laid over the answers of the token endpoint. */
  tokenAnswer: Record<string, unknown>
  /** Every path that was asked for, without its query. */
  readonly requests: string[]
  /** How often a refresh token was redeemed. */
  renewals: number
  /** Ends all refresh tokens of a person, by `sub`: of one who was deactivated, or took back what they gave. */
  revoke(sub: string): void
  /** Every token it gave out, to look for where none must be. */
  readonly issued: string[]
  /** Signs with a new key from now on; the old one is no longer published. */
  rotateKey(): Promise<void>
}

interface Code {
  readonly name: string
  readonly user: FakeOpenIdUser
  readonly redirectUri: string
  readonly challenge: string
  readonly nonce: string | undefined
  /** Asked for by `offline_access`, or with `access_type` as Google has it. */
  readonly offline: 'scope' | 'access_type' | undefined
}
interface RefreshToken extends Pick<Code, 'offline'> {
  /** The name that the person has here: what is said of them is said again. */
  readonly name: string
  readonly sub: string
}
interface State {
  key: Key
  readonly codes: Map<string, Code>
  readonly tokens: Map<string, FakeOpenIdUser>
  /** Those that are good. One of `offline_access` is good once; if it comes again, all of the person end. */
  readonly refreshTokens: Map<string, RefreshToken>
  readonly usedRefreshTokens: Map<string, RefreshToken>
  /** Who gave Google's kind of consent: without another question they get no refresh token again. */
  readonly consented: Set<string>
}
type Fields = Readonly<Record<string, string | undefined>>

/** Listens on a free port of the loopback address. */
export async function createFakeOpenIdProvider(): Promise<FakeOpenIdProvider> {
  const app = Fastify({ forceCloseConnections: true })
  const state: State = {
    key: await createKey(),
    codes: new Map(),
    tokens: new Map(),
    refreshTokens: new Map(),
    usedRefreshTokens: new Map(),
    consented: new Set(),
  }
  const fake = {
    issuer: '',
    clientId: 'gatehouse',
    clientSecret: randomBytes(20).toString('hex'),
    users: new Map<string, FakeOpenIdUser>([
      ['ada', { sub: '248289761001', claims: { email: 'Ada@Example.com', email_verified: true, name: 'Ada' } }],
      ['bob', { sub: 'bob', claims: { email: 'bob@example.org', email_verified: true } }],
    ]),
    fault: undefined as FakeOpenIdFault | undefined,
    faultAt: undefined as FakeOpenIdEndpoint | undefined,
    metadata: {} as Record<string, unknown>,
    tokenAnswer: {} as Record<string, unknown>,
    requests: [] as string[],
    renewals: 0,
    revoke(sub: string) {
      for (const [token, { sub: owner }] of state.refreshTokens) if (owner === sub) state.refreshTokens.delete(token)
    },
    issued: [] as string[],
    async rotateKey() {
      state.key = await createKey()
    },
    [Symbol.asyncDispose]: () => app.close(),
  }

  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
  app.addHook('onRequest', async (request, reply) => {
    const path = request.url.split('?')[0] as string
    fake.requests.push(path)
    const here = path !== '/authorize' && (fake.faultAt === undefined || fake.faultAt === path)
    return here ? misbehave(fake.fault, reply) : undefined
  })
  registerMetadata(app, fake, state)
  registerAuthorize(app, fake, state)
  registerToken(app, fake, state)
  app.get('/userinfo', (request, reply) => {
    const user = state.tokens.get(request.headers.authorization?.replace('Bearer ', '') ?? '')
    if (!user) return reply.code(401).header('www-authenticate', 'Bearer error="invalid_token"').send()
    return { sub: fake.fault === 'foreign sub in userinfo' ? 'mallory' : user.sub, ...user.userinfo }
  })

  fake.issuer = await app.listen({ host: '127.0.0.1', port: 0 })
  return fake
}

function registerMetadata(app: FastifyInstance, fake: FakeOpenIdProvider, state: State): void {
  app.get('/.well-known/openid-configuration', () => {
    const { issuer, fault, metadata } = fake
    const endpoints = {
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/jwks`,
    }
    return {
      issuer: fault === 'foreign issuer in metadata' ? 'https://accounts.example' : issuer,
      ...(fault !== 'no endpoints in metadata' && endpoints),
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      scopes_supported: ['openid', 'email', 'profile'],
      authorization_response_iss_parameter_supported: true,
      ...metadata,
    }
  })
  app.get('/jwks', () => ({ keys: [state.key.jwk] }))
}

function registerAuthorize(app: FastifyInstance, fake: FakeOpenIdProvider, { codes, consented }: State): void {
  const carried = ['client_id', 'redirect_uri', 'state', 'nonce', 'code_challenge', 'scope', 'access_type', 'prompt']
  app.get('/authorize', (request, reply) => {
    const query = request.query as Fields
    const asks = query.response_type === 'code' && query.scope?.split(' ').includes('openid')
    if (query.client_id !== fake.clientId || !query.redirect_uri || !asks || query.code_challenge_method !== 'S256')
      return reply.code(400).type('text/html').send('<h1>Bad request</h1>')
    const attribute = (value: string) => value.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
    const hidden = carried.map((name) => `<input type="hidden" name="${name}" value="${attribute(query[name] ?? '')}">`)
    const choices = [...fake.users.keys()].map(
      (name) => `<button name="user" value="${attribute(name)}">Sign in as ${attribute(name)}</button>`,
    )
    return reply
      .type('text/html')
      .send(
        `<!doctype html><title>Fake provider</title><h1>Choose an account</h1><form method="post">${hidden.join('')}${choices.join('')}<button name="user" value="">Cancel</button></form>`,
      )
  })
  app.post('/authorize', (request, reply) => {
    const {
      user: name = '',
      redirect_uri: redirectUri = '',
      state = '',
      nonce,
      code_challenge,
      scope = '',
      access_type,
      prompt = '',
    } = request.body as Fields
    const target = new URL(redirectUri)
    const user = fake.users.get(name)
    if (user) {
      const code = randomBytes(16).toString('hex')
      const asksAgain = prompt.split(' ').includes('consent') || !consented.has(user.sub)
      if (access_type === 'offline') consented.add(user.sub)
      const offline = scope.split(' ').includes('offline_access')
        ? 'scope'
        : access_type === 'offline' && asksAgain
          ? 'access_type'
          : undefined
      const challenge = code_challenge ?? ''
      codes.set(code, { name, user, redirectUri, challenge, nonce: nonce || undefined, offline })
      target.searchParams.set('code', code)
    } else target.searchParams.set('error', 'access_denied')
    target.searchParams.set('state', state)
    if (fake.fault !== 'no iss')
      target.searchParams.set('iss', fake.fault === 'foreign iss' ? 'https://accounts.example' : fake.issuer)
    return reply.redirect(target.href, 302)
  })
}

function registerToken(app: FastifyInstance, fake: FakeOpenIdProvider, state: State): void {
  app.post('/token', async (request, reply) => {
    const fields = request.body as Fields
    const [id, secret] = credentials(fake, request.headers.authorization, fields)
    if (fake.fault === 'error with 200') return { error: 'server_error' }
    if (fake.fault === 'client revoked' || id !== fake.clientId || secret !== fake.clientSecret)
      return reply.code(401).header('www-authenticate', 'Basic').send({ error: 'invalid_client' })
    if (fields.grant_type === 'refresh_token') return renew(fake, state, fields.refresh_token ?? '', reply)
    const code = state.codes.get(fields.code ?? '')
    state.codes.delete(fields.code ?? '')
    const challenge = createHash('sha256')
      .update(fields.code_verifier ?? '')
      .digest('base64url')
    if (!code || code.redirectUri !== fields.redirect_uri || code.challenge !== challenge)
      return reply.code(400).send({ error: 'invalid_grant' })
    return issue(fake, state, code)
  })
}

async function renew(fake: FakeOpenIdProvider, state: State, token: string, reply: FastifyReply): Promise<unknown> {
  const owner = state.refreshTokens.get(token)
  const stolen = state.usedRefreshTokens.get(token)
  if (stolen) fake.revoke(stolen.sub)
  const user = owner && fake.users.get(owner.name)
  if (!owner || !user) return reply.code(400).send({ error: 'invalid_grant' })
  fake.renewals += 1
  if (owner.offline === 'scope') {
    state.refreshTokens.delete(token)
    state.usedRefreshTokens.set(token, owner)
  }
  return issue(fake, state, { ...owner, user, nonce: undefined, keeps: owner.offline === 'access_type' })
}

type Issue = Pick<Code, 'name' | 'user' | 'nonce' | 'offline'> & { readonly keeps?: boolean }

async function issue(fake: FakeOpenIdProvider, state: State, { keeps = false, ...grant }: Issue): Promise<unknown> {
  const { name, user, offline } = grant
  const [token, refreshToken] = [randomBytes(20).toString('hex'), randomBytes(20).toString('hex')]
  state.tokens.set(token, user)
  const idToken = await signIdToken(fake, state.key, grant)
  fake.issued.push(token, idToken)
  const isGiven = offline !== undefined && !keeps && fake.fault !== 'no refresh token'
  if (isGiven) {
    state.refreshTokens.set(refreshToken, { name, sub: user.sub, offline })
    fake.issued.push(refreshToken)
  }
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: 300,
    ...(isGiven && { refresh_token: refreshToken }),
    ...(fake.fault !== 'no id_token' && { id_token: idToken }),
    ...fake.tokenAnswer,
  }
}

/** Client id and secret, from where the metadata say that they may be. */
function credentials(
  { metadata }: FakeOpenIdProvider,
  authorization: string | undefined,
  fields: Fields,
): readonly (string | undefined)[] {
  const accepted = (metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']) as readonly string[]
  if (authorization?.startsWith('Basic ') && accepted.includes('client_secret_basic'))
    return Buffer.from(authorization.slice(6), 'base64').toString().split(':').map(decodeURIComponent)
  return accepted.includes('client_secret_post') ? [fields.client_id, fields.client_secret] : []
}

async function misbehave(fault: FakeOpenIdFault | undefined, reply: FastifyReply): Promise<unknown> {
  switch (fault) {
    case 'server error':
      return reply.code(502).send('upstream')
    case 'too many requests':
      return reply.code(429).header('retry-after', '60').send({ message: 'slow down' })
    case 'html':
      return reply.type('text/html').send('<!doctype html><h1>Down for maintenance</h1>')
    case 'redirect':
      return reply.redirect('/elsewhere', 302)
    case 'not found':
      return reply.code(404).send({ message: 'nothing here' })
    case 'endless':
      return reply.type('application/json').send(`{"padding":"${'x'.repeat(5_000_000)}"}`)
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, 8_000).unref())
      return reply.code(200).send({})
    default:
      return undefined
  }
}
