// What clients ask for in vain, in the request that begins a sign-in and in those that keep it.
import { describe, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import { terminal, website } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import {
  authorizePath,
  createPkce,
  errorOf,
  logInOnDevice,
  loopback,
  obtainCode,
  refresh,
  refused,
} from '../harness/flows.ts'
import type { Answer } from '../harness/http.ts'

const read = 'mcp:tools:read'
const usual = 'mcp:tools:read mcp:tools:call'

const sorted = (scope: unknown) => String(scope).split(' ').sort().join(' ')

const flows: Readonly<Record<string, (server: AuthServer, scope: string | undefined) => Promise<Answer['json']>>> = {
  'a browser login': async (server, scope) => {
    const { redeem } = await obtainCode(server, { changes: scope === undefined ? {} : { scope } })
    return (await redeem()).json
  },
  'a device login': (server, scope) => logInOnDevice(server, scope === undefined ? {} : { scope }),
}

describe.each(Object.entries(flows))('%s', (_name, logIn) => {
  test.each<[asked: string | undefined, granted: string]>([
    [undefined, usual],
    [read, read],
    [`${read} offline_access`, `${read} offline_access`],
    ['offline_access', `${usual} offline_access`],
    [`openid profile email ${read}`, `openid profile email ${read}`],
    ['openid profile email', 'openid profile email'],
    [`${read} nonsense:scope`, read],
    [`${read} nonsense:scope offline_access openid`, `openid ${read} offline_access`],
    ['claudeai', usual],
    ['claudeai offline_access', `${usual} offline_access`],
    [` ${read}  mcp:tools:call `, usual],
  ])('that asks for %s is told all that it got, and may name it again at three refreshes', async (asked, granted) => {
    await using server = await startAuthServer()
    let tokens = await logIn(server, asked)
    const told = () => sorted(tokens.scope)
    expect(told()).toBe(sorted(granted))
    for (let round = 0; round < 3; round += 1) {
      const { status, json, text } = await refresh(
        server,
        tokens.refresh_token,
        asked === undefined ? {} : { scope: asked },
      )
      expect(status, text).toBe(200)
      tokens = json
      expect(told()).toBe(sorted(granted))
      server.elapse(60)
    }
  })

  test('that did not ask for offline_access may name it at a refresh, and gets no more than was granted', async () => {
    await using server = await startAuthServer()
    const tokens = await logIn(server, read)
    const named = await refresh(server, tokens.refresh_token, { scope: `${read} mcp:tools:call offline_access` })
    expect([named.status, named.json.scope]).toEqual([200, read])
    const alone = await refresh(server, named.json.refresh_token, { scope: 'offline_access' })
    expect([alone.status, alone.json.scope]).toEqual([200, read])
    for (const scope of ['mcp:tools:call', 'nonsense', 'mcp:tools:notify nonsense'])
      expect(errorOf(await refresh(server, alone.json.refresh_token, { scope }))).toEqual(refused(400, 'invalid_scope'))
    expect((await refresh(server, alone.json.refresh_token)).json.scope, 'nothing was used up').toBe(read)
  })
})

const openIdAlone = {
  nonce: 'n',
  max_age: '3600',
  acr_values: 'urn:mace:incommon:iap:silver',
  id_token_hint: 'a.b.c',
  claims: '{"id_token":{"email":null}}',
  claims_locales: 'fr',
}

test('what only OpenID Connect knows is ignored in a request without openid', async () => {
  await using server = await startAuthServer()
  const { status } = await server.post('/device_authorization', { client_id: terminal.client_id, ...openIdAlone })
  expect(status).toBe(200)
  const { redeem } = await obtainCode(server, { changes: { ...openIdAlone, display: 'popup', ui_locales: 'fr' } })
  expect(await redeem()).toMatchObject({ status: 200, json: { scope: usual } })
})

test.each(['select_account', 'select_account consent', 'consent select_account', 'create', 'login select_account'])(
  'prompt=%s leads to a page that offers another account',
  async (prompt) => {
    await using server = await startAuthServer()
    const browser = server.openBrowser()
    await browser.open(authorizePath(createPkce().challenge))
    await browser.logIn('ada')
    await browser.open(authorizePath(createPkce().challenge, { prompt }))
    if (prompt.includes('login')) {
      expect(browser.page.heading).toBe('Sign in')
      await browser.logIn('ada')
    }
    expect(browser.page.text).toContain('dev:ada')
    expect(browser.page.text.toLowerCase()).toContain('use another account')
    expect((await browser.approve()).leftTo?.searchParams.get('code')).toBeTruthy()
  },
)

test('a request that is posted is one like any other', async () => {
  await using server = await startAuthServer()
  const { challenge } = createPkce()
  const query = new URLSearchParams(authorizePath(challenge, { scope: ` ${read}` }).split('?')[1])
  const posted = await server.post('/authorize', [...query])
  expect([posted.status, posted.headers['cache-control']]).toEqual([303, 'no-store'])
  const browser = server.openBrowser()
  await browser.open(String(posted.headers.location))
  await browser.logIn('ada')
  const { leftTo } = await browser.approve()
  expect(`${leftTo?.origin}${leftTo?.pathname}`).toBe(loopback)
  expect(leftTo?.searchParams.get('code')).toBeTruthy()

  const twice = await server.post('/authorize', [...query, ['client_id', website.client_id]])
  expect((await server.openBrowser().open(String(twice.headers.location))).status, 'twice stays twice').toBe(400)
  const long = await server.post('/authorize', [...query, ['x', 'x'.repeat(9_000)]])
  expect(errorOf(long), 'not a redirect that no browser can follow').toEqual(refused(400, 'invalid_request'))
  const json = await server.post('/authorize', '{}', { 'content-type': 'application/json' })
  expect(json.status, 'a form, and nothing else').toBe(400)
})

provesSecrecy()
