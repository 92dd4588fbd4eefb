// An OpenID provider for tests: discovery, authorization code with PKCE, ID tokens signed with a key that it publishes,
// userinfo. As honest as a provider should be, until `fault` says otherwise.
import { createHash, randomBytes } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { base64url, type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

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
type TokenFault = 'client revoked' | 'error with 200' | 'no id_token'
type IdTokenFault =
  | 'alg none'
  | 'HS256'
  | 'unknown key'
  | 'foreign signature'
  | 'foreign issuer'
  | 'foreign audience'
  | 'further audience'
  | 'foreign azp'
  | 'foreign nonce'
  | 'no nonce'
  | 'expired'
  | 'no expiry'
  | 'not yet valid'
  | 'no sub'
  | 'no JWT'

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
  /** Every token it gave out, to look for where none must be. */
  readonly issued: string[]
  /** Signs with a new key from now on; the old one is no longer published. */
  rotateKey(): Promise<void>
}

interface Code {
  readonly user: FakeOpenIdUser
  readonly redirectUri: string
  readonly challenge: string
  readonly nonce: string | undefined
}
interface Key {
  readonly jwk: JWK
  readonly privateKey: CryptoKey
}
interface State {
  key: Key
  readonly codes: Map<string, Code>
  readonly tokens: Map<string, FakeOpenIdUser>
}
type Fields = Readonly<Record<string, string | undefined>>

/** Listens on a free port of the loopback address. */
export async function createFakeOpenIdProvider(): Promise<FakeOpenIdProvider> {
  const app = Fastify({ forceCloseConnections: true })
  const state: State = { key: await createKey(), codes: new Map(), tokens: new Map() }
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

async function createKey(): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: randomBytes(8).toString('hex'), alg: 'ES256', use: 'sig' }
  return { jwk, privateKey }
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

function registerAuthorize(app: FastifyInstance, fake: FakeOpenIdProvider, { codes }: State): void {
  const carried = ['client_id', 'redirect_uri', 'state', 'nonce', 'code_challenge']
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
    } = request.body as Fields
    const target = new URL(redirectUri)
    const user = fake.users.get(name)
    if (user) {
      const code = randomBytes(16).toString('hex')
      codes.set(code, { user, redirectUri, challenge: code_challenge ?? '', nonce: nonce || undefined })
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
    const code = state.codes.get(fields.code ?? '')
    state.codes.delete(fields.code ?? '')
    const challenge = createHash('sha256')
      .update(fields.code_verifier ?? '')
      .digest('base64url')
    if (!code || code.redirectUri !== fields.redirect_uri || code.challenge !== challenge)
      return reply.code(400).send({ error: 'invalid_grant' })
    const token = randomBytes(20).toString('hex')
    state.tokens.set(token, code.user)
    const idToken = await signIdToken(fake, state.key, code)
    fake.issued.push(token, idToken)
    const answer = { access_token: token, token_type: 'Bearer', expires_in: 300, ...fake.tokenAnswer }
    return fake.fault === 'no id_token' ? answer : { ...answer, id_token: idToken }
  })
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

async function signIdToken(fake: FakeOpenIdProvider, key: Key, { user, nonce }: Code): Promise<string> {
  const { issuer, clientId, clientSecret, fault } = fake
  const now = Math.floor(Date.now() / 1000)
  const honest = { iss: issuer, aud: clientId, sub: user.sub, iat: now, exp: now + 300, nonce, ...user.claims }
  const claims = Object.entries({ ...honest, ...wrongClaims(fault, honest) }).filter(([, value]) => value !== undefined)
  const jwt = new SignJWT(Object.fromEntries(claims))
  switch (fault) {
    case 'no JWT':
      return 'e30.e30'
    case 'alg none':
      return `${base64url.encode('{"alg":"none"}')}.${base64url.encode(JSON.stringify(Object.fromEntries(claims)))}.`
    case 'HS256':
      return jwt.setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(clientSecret))
    case 'unknown key':
    case 'foreign signature': {
      const other = await createKey()
      const kid = fault === 'unknown key' ? other.jwk.kid : key.jwk.kid
      return jwt.setProtectedHeader({ alg: 'ES256', kid: kid as string }).sign(other.privateKey)
    }
    default:
      return jwt.setProtectedHeader({ alg: 'ES256', kid: key.jwk.kid as string }).sign(key.privateKey)
  }
}

/** What a fault changes in the claims; undefined takes one out. */
function wrongClaims(
  fault: FakeOpenIdFault | undefined,
  { aud, iat }: { readonly aud: string; readonly iat: number },
): Readonly<Record<string, unknown>> {
  switch (fault) {
    case 'foreign issuer':
      return { iss: 'https://accounts.example' }
    case 'foreign audience':
      return { aud: 'somebody-else' }
    case 'further audience':
      return { aud: [aud, 'somebody-else'] }
    case 'foreign azp':
      return { azp: 'somebody-else' }
    case 'foreign nonce':
      return { nonce: 'a-nonce-of-somebody-else' }
    case 'no nonce':
      return { nonce: undefined }
    case 'expired':
      return { iat: iat - 3_600, exp: iat - 60 }
    case 'no expiry':
      return { exp: undefined }
    case 'not yet valid':
      return { nbf: iat + 3_600 }
    case 'no sub':
      return { sub: undefined }
    default:
      return {}
  }
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
