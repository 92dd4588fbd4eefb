// A GitHub for tests: the web flow with PKCE, the device flow, and the parts of the API that Gatehouse asks. It behaves
// as GitHub does where that hurts: many failures are HTTP 200 with an `error` member.
import { createHash, randomBytes } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'

export interface FakeGitHubUser {
  readonly id: number
  readonly login: string
  readonly emails?: readonly { readonly email: string; readonly primary: boolean; readonly verified: boolean }[]
  /** Organisations with an active membership. */
  readonly organisations?: readonly string[]
  /** Teams with an active membership, `organisation/slug`. GitHub has nobody in a team who is not in its organisation. */
  readonly teams?: readonly string[]
  /** Of these, and of the organisations, those to which the person is invited and has not come. */
  readonly pending?: readonly string[]
}

/**
 * How the next answers go wrong, until it is set back to undefined. `slow` answers after the client gave up. The rate
 * limits are reached when a membership is asked for.
 */
export type FakeGitHubFault =
  | 'error with 200'
  | 'server error'
  | 'too many requests'
  | 'rate limit'
  | 'secondary rate limit'
  | 'html'
  | 'slow'

export interface FakeGitHub extends AsyncDisposable {
  /** For GITHUB_URL. */
  readonly url: string
  /** For GITHUB_API_URL. */
  readonly apiUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly users: Map<string, FakeGitHubUser>
  /** Changes what is so of somebody, from the next request on. */
  change(login: string, change: Partial<FakeGitHubUser>): void
  /** Teams that stand below others: who is in one is in the other, too. By team, the one above. */
  readonly parents: Map<string, string>
  fault: FakeGitHubFault | undefined
  /** The person opens GitHub's device page, enters the code and decides. The page is there for browsers, too. */
  decideDevice(userCode: string, login: string | 'deny'): void
  /** The next poll for this user code gets `slow_down`, with the seconds to keep from then on. */
  askForPatience(userCode: string, interval: number): void
  /** Every path that was asked for, without its query. */
  readonly requests: string[]
  /** GitHub's own device codes, to look for where they must not be. */
  readonly deviceCodes: string[]
}

interface WebCode {
  readonly login: string
  readonly scope: string
  readonly challenge: string | undefined
  readonly redirectUri: string
}
interface DeviceGrant {
  readonly deviceCode: string
  readonly userCode: string
  readonly scope: string
  login?: string
  denied?: boolean
  /** Seconds, in the one answer that says so. */
  slowDown?: number | undefined
}

interface Token {
  readonly login: string
  readonly scope: string
}

type Fields = Readonly<Record<string, string | undefined>>

const deviceInterval = 1

/** Listens on a free port of the loopback address. */
export async function createFakeGitHub(): Promise<FakeGitHub> {
  const app = Fastify({ forceCloseConnections: true })
  const state = {
    codes: new Map<string, WebCode>(),
    tokens: new Map<string, Token>(),
    devices: new Map<string, DeviceGrant>(),
  }
  const requests: string[] = []
  const deviceCodes: string[] = []
  const fake = {
    url: '',
    apiUrl: '',
    clientId: 'Iv1.fake0client0id',
    clientSecret: randomBytes(20).toString('hex'),
    users: new Map<string, FakeGitHubUser>([
      [
        'octocat',
        { id: 583_231, login: 'octocat', emails: [{ email: 'octocat@example.com', primary: true, verified: true }] },
      ],
      [
        'mona',
        {
          id: 2,
          login: 'mona',
          organisations: ['acme'],
          emails: [{ email: 'mona@example.org', primary: true, verified: true }],
        },
      ],
    ]),
    parents: new Map<string, string>(),
    fault: undefined as FakeGitHubFault | undefined,
    requests,
    deviceCodes,
    change(login: string, change: Partial<FakeGitHubUser>) {
      const user = fake.users.get(login)
      if (!user) throw new Error('GitHub knows no such user')
      fake.users.set(login, { ...user, ...change })
    },
    decideDevice(userCode: string, login: string) {
      const grant = findDevice(state.devices, userCode)
      if (login === 'deny') grant.denied = true
      else grant.login = login
    },
    askForPatience(userCode: string, interval: number) {
      findDevice(state.devices, userCode).slowDown = interval
    },
    [Symbol.asyncDispose]: () => app.close(),
  }

  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
  app.addHook('onRequest', async (request, reply) => {
    requests.push(request.url.split('?')[0] as string)
    const { fault } = fake
    const reached = fault?.endsWith('rate limit')
      ? request.url.includes('/memberships/')
      : !/^\/login\/(oauth\/authorize|device(?!\/code))/.test(request.url)
    if (fault && reached) return misbehave(fault, reply)
    return undefined
  })
  const issueToken = (login: string, scope: string) => {
    const token = `gho_${randomBytes(18).toString('hex')}`
    state.tokens.set(token, { login, scope })
    return { access_token: token, token_type: 'bearer', scope: scope.replaceAll(' ', ',') }
  }
  registerWebFlow(app, { fake, codes: state.codes })
  registerDeviceFlow(app, { fake, devices: state.devices, deviceCodes })
  app.post('/login/oauth/access_token', (request) => {
    const fields = request.body as Fields
    if (fields.client_id !== fake.clientId) return { error: 'incorrect_client_credentials' }
    if (fields.device_code) return redeemDevice(state.devices, fields.device_code, issueToken)
    if (fields.client_secret !== fake.clientSecret) return { error: 'incorrect_client_credentials' }
    const code = state.codes.get(fields.code ?? '')
    state.codes.delete(fields.code ?? '')
    const challenge = createHash('sha256')
      .update(fields.code_verifier ?? '')
      .digest('base64url')
    const wrong = !code || code.redirectUri !== fields.redirect_uri || (code.challenge && code.challenge !== challenge)
    return wrong
      ? { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' }
      : issueToken(code.login, code.scope)
  })
  registerApi(app, fake, (authorization) => {
    const token = state.tokens.get(authorization?.replace('Bearer ', '') ?? '')
    const user = fake.users.get(token?.login ?? '')
    return token && user && { user, scopes: token.scope.split(' ') }
  })

  fake.url = await app.listen({ host: '127.0.0.1', port: 0 })
  fake.apiUrl = `${fake.url}/api`
  return fake
}

function registerWebFlow(
  app: FastifyInstance,
  { fake, codes }: { fake: Pick<FakeGitHub, 'users' | 'clientId'>; codes: Map<string, WebCode> },
): void {
  app.get('/login/oauth/authorize', (request, reply) => {
    const query = request.query as Fields
    if (query.client_id !== fake.clientId || !query.redirect_uri)
      return reply.code(404).type('text/html').send('<h1>Not found</h1>')
    const choice = (login: string) => `<button name="login" value="${login}">Authorize as ${login}</button>`
    const hidden = (name: string) =>
      `<input type="hidden" name="${name}" value="${(query[name] ?? '').replaceAll('"', '&quot;')}">`
    const fields = ['redirect_uri', 'state', 'code_challenge', 'scope'].map(hidden).join('')
    return reply
      .type('text/html')
      .send(
        `<!doctype html><title>Fake GitHub</title><h1>Authorize Gatehouse</h1><form method="post">${fields}${[...fake.users.keys()].map(choice).join('')}<button name="login" value="">Cancel</button></form>`,
      )
  })
  app.post('/login/oauth/authorize', (request, reply) => {
    const {
      login,
      redirect_uri: redirectUri = '',
      state = '',
      code_challenge: challenge,
      scope = '',
    } = request.body as Fields
    const target = new URL(redirectUri)
    target.searchParams.set('state', state)
    if (login) {
      const code = randomBytes(10).toString('hex')
      codes.set(code, { login, scope, challenge: challenge || undefined, redirectUri })
      target.searchParams.set('code', code)
    } else target.searchParams.set('error', 'access_denied')
    return reply.redirect(target.href, 302)
  })
}

function registerDeviceFlow(
  app: FastifyInstance,
  {
    fake,
    devices,
    deviceCodes,
  }: {
    fake: Pick<FakeGitHub, 'url' | 'clientId' | 'users' | 'decideDevice'>
    devices: Map<string, DeviceGrant>
    deviceCodes: string[]
  },
): void {
  const page = (body: string) => `<!doctype html><title>Fake GitHub</title>${body}`
  app.get('/login/device', (_request, reply) => {
    const choices = [...fake.users.keys()].map(
      (login) => `<button name="login" value="${login}">Authorize as ${login}</button>`,
    )
    const fields = `<label>Code <input name="user_code" required></label>${choices.join('')}<button name="login" value="deny">Cancel</button>`
    return reply.type('text/html').send(page(`<h1>Device activation</h1><form method="post">${fields}</form>`))
  })
  app.post('/login/device', (request, reply) => {
    const { user_code: userCode = '', login = '' } = request.body as Fields
    fake.decideDevice(userCode, login)
    return reply.type('text/html').send(page(login === 'deny' ? '<h1>Denied</h1>' : '<h1>All set</h1>'))
  })
  app.post('/login/device/code', (request) => {
    const { client_id: clientId, scope = '' } = request.body as Fields
    if (clientId !== fake.clientId) return { error: 'incorrect_client_credentials' }
    const hex = randomBytes(4).toString('hex').toUpperCase()
    const userCode = `${hex.slice(0, 4)}-${hex.slice(4)}`
    const grant = { deviceCode: randomBytes(20).toString('hex'), userCode, scope }
    devices.set(grant.deviceCode, grant)
    deviceCodes.push(grant.deviceCode)
    return {
      device_code: grant.deviceCode,
      user_code: grant.userCode,
      verification_uri: `${fake.url}/login/device`,
      expires_in: 899,
      interval: deviceInterval,
    }
  })
}

function findDevice(devices: Map<string, DeviceGrant>, userCode: string): DeviceGrant {
  const grant = [...devices.values()].find((device) => device.userCode === userCode)
  if (!grant) throw new Error('GitHub knows no such user code')
  return grant
}

function redeemDevice(
  devices: Map<string, DeviceGrant>,
  deviceCode: string,
  issueToken: (login: string, scope: string) => object,
): object {
  const grant = devices.get(deviceCode)
  if (!grant) return { error: 'expired_token' }
  if (grant.slowDown) {
    const { slowDown: interval } = grant
    grant.slowDown = undefined
    return { error: 'slow_down', interval }
  }
  if (grant.denied) return { error: 'access_denied' }
  if (!grant.login) return { error: 'authorization_pending' }
  devices.delete(deviceCode)
  return issueToken(grant.login, grant.scope)
}

interface Asker {
  readonly user: FakeGitHubUser
  readonly scopes: readonly string[]
}

/** Without the scope GitHub says 404 of addresses and 403 of organisations and teams. */
function registerApi(
  app: FastifyInstance,
  { parents }: Pick<FakeGitHub, 'parents'>,
  whose: (authorization: string | undefined) => Asker | undefined,
): void {
  const membership = (
    reply: FastifyReply,
    asker: Asker | undefined,
    { of, name }: { of?: readonly string[] | undefined; name: string },
  ) => {
    if (!asker) return reply.code(401).send({ message: 'Bad credentials' })
    if (!asker.scopes.includes('read:org'))
      return reply.code(403).send({ message: 'You need at least read:org scope to list your organizations.' })
    if (!of?.some((one) => one.toLowerCase() === name.toLowerCase()))
      return reply.code(404).send({ message: 'Not Found' })
    return { state: asker.user.pending?.includes(name) ? 'pending' : 'active', role: 'member' }
  }
  app.get('/api/user', (request, reply) => {
    const { user } = whose(request.headers.authorization) ?? {}
    return user ? { id: user.id, login: user.login } : reply.code(401).send({ message: 'Bad credentials' })
  })
  app.get('/api/user/emails', (request, reply) => {
    const asker = whose(request.headers.authorization)
    if (!asker?.scopes.includes('user:email')) return reply.code(404).send({ message: 'Not Found' })
    return asker.user.emails ?? []
  })
  app.get('/api/user/memberships/orgs/:organisation', (request, reply) => {
    const { organisation: name } = request.params as { organisation: string }
    const asker = whose(request.headers.authorization)
    return membership(reply, asker, { of: asker?.user.organisations, name })
  })
  app.get('/api/orgs/:organisation/teams/:team/memberships/:login', (request, reply) => {
    const { organisation, team, login } = request.params as { organisation: string; team: string; login: string }
    const asker = whose(request.headers.authorization)
    const own = asker?.user.login === login ? (asker.user.teams ?? []) : []
    return membership(reply, asker, {
      of: own.flatMap((each) => withParents(each, parents)),
      name: `${organisation}/${team}`,
    })
  })
}

function withParents(team: string, parents: ReadonlyMap<string, string>): readonly string[] {
  const parent = parents.get(team)
  return parent === undefined ? [team] : [team, ...withParents(parent, parents)]
}

async function misbehave(fault: FakeGitHubFault, reply: FastifyReply): Promise<unknown> {
  switch (fault) {
    case 'error with 200':
      return reply.send({
        error: 'incorrect_client_credentials',
        error_description: 'The client_id and/or client_secret passed are incorrect.',
      })
    case 'server error':
      return reply.code(502).send('upstream')
    case 'too many requests':
      return reply.code(429).header('retry-after', '60').send({ message: 'API rate limit exceeded' })
    case 'rate limit':
      return reply.code(403).header('x-ratelimit-remaining', '0').send({ message: 'API rate limit exceeded' })
    case 'secondary rate limit':
      return reply
        .code(403)
        .headers({ 'retry-after': '60', 'x-ratelimit-remaining': '4000' })
        .send({ message: 'You have exceeded a secondary rate limit' })
    case 'html':
      return reply.type('text/html').send('<!doctype html><h1>Unicorn!</h1>')
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, 8_000).unref())
      return reply.code(200).send({})
  }
}
