import { createServer } from 'node:http'
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import type { Page } from '../harness/browser.ts'
import { terminal, website } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { authorizePath, createPkce, loopback, obtainCode } from '../harness/flows.ts'

const { challenge } = createPkce()
type Changes = Readonly<Record<string, string | undefined>>

const ask = (server: AuthServer, changes: Changes = {}): Promise<Page> =>
  server.openBrowser().open(authorizePath(challenge, changes))

/** The error that the client is sent, with what must go along with it; undefined if it is sent nothing. */
function sentError({ leftTo }: Page) {
  const { error, state, iss, code } = Object.fromEntries(leftTo?.searchParams ?? [])
  return leftTo && { to: leftTo.origin + leftTo.pathname, error, state, iss, ...(code && { code }) }
}

const errorToTerminal = (server: AuthServer, error: string) => ({
  to: loopback,
  error,
  state: 'state-of-the-app',
  iss: server.issuer,
})

function expectPage(page: Page, what: unknown): void {
  const { status, headers, leftTo, redirects } = page
  expect([what, status, headers['content-type'], leftTo, redirects]).toEqual([
    what,
    400,
    'text/html; charset=utf-8',
    undefined,
    [],
  ])
}

verifies('A1', 'an unknown client is answered by a page', async () => {
  await using server = await startAuthServer()
  for (const clientId of ['nobody', undefined, '']) expectPage(await ask(server, { client_id: clientId }), clientId)
})

verifies(['A1', 'A17'], 'a redirect address that differs in anything is answered by a page', async () => {
  await using server = await startAuthServer()
  const [registered] = website.redirect_uris
  const others = [
    `${registered}/`,
    `${registered}/more`,
    `${registered}?x=1`,
    `${registered}#x`,
    `${registered}/../callback2`,
    `${registered}/%2e%2e`,
    'https://app.example.com/other/../callback',
    'https://user@app.example.com/callback',
    'https://app.example.com@evil.example/callback',
    'https://app.example.com\\@evil.example/callback',
    'https://app.example.com.evil.example/callback',
    'https://evil.example/callback',
    'https://APP.example.com/callback',
    'https://app.example.com:443/callback',
    'http://app.example.com/callback',
    '//app.example.com/callback',
    'javascript:alert(1)//https://app.example.com/callback',
    `${registered} `,
  ]
  for (const redirectUri of others)
    expectPage(await ask(server, { client_id: website.client_id, redirect_uri: redirectUri }), redirectUri)
})

verifies('A2', 'a loopback redirect may have any port, and its three names are three', async () => {
  const names = ['http://127.0.0.1', 'http://localhost', 'http://[::1]']
  const clients = names.map((name, index) => ({
    ...terminal,
    client_id: `client-${index}`,
    redirect_uris: [`${name}:1234/callback`],
  }))
  await using server = await startAuthServer({ clients })
  for (const [index, { client_id: clientId }] of clients.entries()) {
    for (const [other, name] of names.entries()) {
      for (const port of ['', ':1234', ':65535']) {
        const page = await ask(server, { client_id: clientId, redirect_uri: `${name}${port}/callback` })
        if (other === index) expect([name, port, page.heading]).toEqual([name, port, 'Sign in'])
        else expectPage(page, [clientId, name, port])
      }
      expectPage(await ask(server, { client_id: clientId, redirect_uri: `${name}:1234/other` }), [
        clientId,
        name,
        'path',
      ])
      expectPage(
        await ask(server, { client_id: clientId, redirect_uri: `${name.replace('http', 'https')}:1234/callback` }),
        [clientId, name],
      )
    }
  }
})

verifies(
  'A3',
  'a request without redirect address is answered by a page, even where only one is registered',
  async () => {
    await using server = await startAuthServer()
    for (const clientId of [terminal.client_id, website.client_id]) {
      for (const redirectUri of [undefined, ''])
        expectPage(await ask(server, { client_id: clientId, redirect_uri: redirectUri }), clientId)
    }
  },
)

verifies('A4', 'a request without PKCE S256 is an invalid_request, told to the client', async () => {
  await using server = await startAuthServer()
  const weak: Changes[] = [
    { code_challenge: undefined, code_challenge_method: undefined },
    { code_challenge: undefined },
    { code_challenge_method: undefined },
    { code_challenge_method: 'plain' },
    { code_challenge_method: 's256' },
    { code_challenge: challenge.slice(0, 42) },
    { code_challenge: `${challenge.slice(0, 42)}+` },
    { code_challenge: 'x'.repeat(129) },
  ]
  for (const changes of weak) {
    for (const client of [{}, { client_id: website.client_id, redirect_uri: website.redirect_uris[0] }]) {
      const { error, iss } = sentError(await ask(server, { ...client, ...changes })) ?? {}
      expect([changes, error, iss]).toEqual([changes, 'invalid_request', server.issuer])
    }
  }
  expect(sentError(await ask(server, weak[0]))).toEqual(errorToTerminal(server, 'invalid_request'))
})

verifies(
  'A5',
  'a parameter that comes twice is an invalid_request, and a doubled client or redirect address a page',
  async () => {
    await using server = await startAuthServer()
    const path = authorizePath(challenge)
    for (const [name, value] of [
      ['client_id', 'terminal'],
      ['client_id', 'nobody'],
      ['redirect_uri', loopback],
      ['redirect_uri', 'https://evil.example'],
    ]) {
      const page = await server.openBrowser().open(`${path}&${name}=${encodeURIComponent(value ?? '')}`)
      expectPage(page, [name, value])
    }
    for (const name of ['scope', 'code_challenge', 'prompt', 'response_type', 'nonce']) {
      const page = await server.openBrowser().open(`${path}&${name}=a&${name}=b`)
      expect([name, sentError(page)?.error]).toEqual([name, 'invalid_request'])
    }
    const { error, state } = sentError(await server.openBrowser().open(`${path}&state=other`)) ?? {}
    expect([error, state]).toEqual(['invalid_request', undefined])
  },
)

verifies('A6', 'no response type but code is answered', async () => {
  await using server = await startAuthServer()
  for (const type of ['none', 'x', 'code none']) {
    expect([type, sentError(await ask(server, { response_type: type }))]).toEqual([
      type,
      errorToTerminal(server, 'unsupported_response_type'),
    ])
  }
  for (const type of ['token', 'id_token', 'code token', 'code id_token', 'code id_token token']) {
    const { leftTo } = await ask(server, { response_type: type, nonce: 'n' })
    const inFragment = new URLSearchParams(leftTo?.hash.slice(1))
    expect([type, inFragment.get('error') ?? leftTo?.searchParams.get('error')]).toEqual([
      type,
      'unsupported_response_type',
    ])
    expect(leftTo?.href).not.toMatch(/code=|token=/)
  }
  expect(sentError(await ask(server, { response_type: undefined }))).toEqual(errorToTerminal(server, 'invalid_request'))
})

verifies('A7', 'a code goes into the query and nowhere else', async () => {
  await using server = await startAuthServer()
  for (const mode of ['fragment', 'form_post', 'web_message', 'jwt', 'query.jwt', 'bogus']) {
    expect([mode, sentError(await ask(server, { response_mode: mode }))]).toEqual([
      mode,
      errorToTerminal(server, 'unsupported_response_mode'),
    ])
  }
  const { code } = await obtainCode(server, { changes: { response_mode: 'query' } })
  expect(code).not.toBe('')
  const { json } = await server.get('/.well-known/oauth-authorization-server')
  expect(json.response_modes_supported).toEqual(['query'])
})

verifies('A8', 'success and error name the issuer, and the metadata says so', async () => {
  await using server = await startAuthServer()
  const { json } = await server.get('/.well-known/oauth-authorization-server')
  expect(json.authorization_response_iss_parameter_supported).toBe(true)
  for (const decide of ['approve', 'refuse'] as const) {
    const browser = server.openBrowser()
    await browser.open(authorizePath(challenge, { scope: 'openid mcp:tools:read' }))
    await browser.logIn()
    const { leftTo } = await browser[decide]()
    expect(leftTo?.searchParams.getAll('iss')).toEqual([server.issuer])
    expect(leftTo?.searchParams.get('state')).toBe('state-of-the-app')
    expect(leftTo?.searchParams.get('error')).toBe(decide === 'refuse' ? 'access_denied' : null)
  }
})

verifies('A9', 'request objects are refused by name and not fetched', async () => {
  let hits = 0
  const listener = createServer((_request, response) => {
    hits += 1
    response.end()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as { port: number }
  await using server = await startAuthServer()
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"client_id":"terminal"}').toString('base64url')}.`
  expect(sentError(await ask(server, { request: unsigned }))?.error).toBe('request_not_supported')
  for (const uri of [`http://127.0.0.1:${port}/object`, 'urn:ietf:params:oauth:request_uri:x']) {
    expect(sentError(await ask(server, { request_uri: uri }))?.error).toBe('request_uri_not_supported')
  }
  expect(sentError(await ask(server, { registration: '{}' }))?.error).toBe('registration_not_supported')
  await new Promise((resolve) => listener.close(resolve))
  expect(hits).toBe(0)
})

verifies('A10', 'an unknown or malformed resource is an invalid_target before anybody signs in', async () => {
  await using server = await startAuthServer()
  for (const resource of [
    'http://localhost:3000/mcp2',
    'http://localhost:3000/mcp#x',
    'https://evil.example',
    'mcp',
    '/mcp',
    'http://u@localhost:3000/mcp',
  ]) {
    expect([resource, sentError(await ask(server, { resource }))]).toEqual([
      resource,
      errorToTerminal(server, 'invalid_target'),
    ])
  }
})

verifies('A12', 'prompt=none never shows a page', async () => {
  await using server = await startAuthServer()
  expect(sentError(await ask(server, { prompt: 'none' }))).toEqual(errorToTerminal(server, 'login_required'))
  const browser = server.openBrowser()
  await obtainCode(server, { browser })
  const page = await browser.open(authorizePath(challenge, { prompt: 'none' }))
  expect(sentError(page)?.error).toMatch(/^(consent|interaction)_required$/)
  expect(sentError(await ask(server, { prompt: 'none login' }))).toEqual(errorToTerminal(server, 'invalid_request'))
})

provesSecrecy()
