// An error of the authorization endpoint is no way to send somebody to a web address that anybody can register.
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import type { Page } from '../harness/browser.ts'
import { website } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { authorizePath, createPkce, loopback, obtainCode } from '../harness/flows.ts'

const { challenge } = createPkce()
const evilAddress = 'https://evil.example/phish'

async function register(server: AuthServer, redirectUri: string): Promise<{ client_id: string; redirect_uri: string }> {
  const { json, text } = await server.register({
    client_name: 'App',
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: 'none',
  })
  expect(json.client_id, text).toBeTruthy()
  return { client_id: json.client_id ?? '', redirect_uri: redirectUri }
}

const wrong: readonly Readonly<Record<string, string | undefined>>[] = [
  { scope: 'nonsense', resource: 'https://elsewhere.example/' },
  { resource: 'https://elsewhere.example/' },
  { prompt: 'none' },
  { prompt: 'none login' },
  { response_type: 'token' },
  { response_type: 'id_token token', nonce: 'n' },
  { response_type: undefined },
  { response_mode: 'fragment' },
  { response_mode: 'form_post' },
  { code_challenge: undefined },
  { request: 'x' },
  { request_uri: 'https://evil.example/object' },
  { registration: '{}' },
]

function expectPage(page: Page, what: unknown): void {
  expect([what, page.status, page.leftTo, page.redirects]).toEqual([what, 400, undefined, []])
  expect(page.text).toContain('evil.example')
  expect(page.html).not.toContain(`href="${evilAddress}`)
}

verifies(
  ['A21', 'A12'],
  'a web address that registered itself is named on a page, and nobody is sent there',
  async () => {
    await using server = await startAuthServer()
    const evil = await register(server, evilAddress)
    for (const changes of wrong)
      expectPage(await server.openBrowser().open(authorizePath(challenge, { ...evil, ...changes })), changes)
    // anyone who is signed in, and approved another app, has not approved this one
    const browser = server.openBrowser()
    await obtainCode(server, { browser })
    for (const changes of wrong)
      expectPage(await browser.open(authorizePath(challenge, { ...evil, ...changes })), changes)
    const page = await browser.open(authorizePath(challenge, { ...evil, prompt: 'none' }))
    expect(page.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'text/html; charset=utf-8' })
  },
)

verifies('A21', "the operator's clients, and programs on this computer, are told of the error", async () => {
  await using server = await startAuthServer()
  const clients = [
    { client_id: website.client_id, redirect_uri: website.redirect_uris[0] },
    await register(server, loopback),
    await register(server, 'com.example.app:/callback'),
  ]
  for (const client of clients) {
    for (const [error, changes] of [
      ['invalid_target', { resource: 'https://elsewhere.example/' }],
      ['login_required', { prompt: 'none' }],
    ] as const) {
      const { leftTo } = await server.openBrowser().open(authorizePath(challenge, { ...client, ...changes }))
      expect([client.redirect_uri, leftTo?.searchParams.get('error')]).toEqual([client.redirect_uri, error])
      expect(leftTo?.href).toContain(client.redirect_uri.split('?')[0])
    }
  }
})

test('somebody who cancels before they signed in is not sent on, and may go back by themselves', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.open(authorizePath(challenge, await register(server, evilAddress)))
  const page = await browser.cancel()
  expect(page).toMatchObject({ status: 400, heading: 'Nothing was shared' })
  expect(page.leftTo).toBeUndefined()
  expect(page.text).toContain('Back to evil.example')
  const href = /href="(https:\/\/evil[^"]+)"/.exec(page.html)?.[1]?.replaceAll('&amp;', '&') ?? ''
  const { error, state, iss } = Object.fromEntries(new URL(href).searchParams)
  expect({ error, state, iss }).toEqual({ error: 'access_denied', state: 'state-of-the-app', iss: server.issuer })
})

test('who refused on the page that names the host, or approved the app before, goes back there', async () => {
  await using server = await startAuthServer()
  const app = await register(server, 'https://app.example.org/callback')
  const browser = server.openBrowser()
  await browser.open(authorizePath(challenge, app))
  await browser.logIn()
  expect(browser.page.text).toContain('app.example.org')
  expect((await browser.refuse()).leftTo?.searchParams.get('error')).toBe('access_denied')
  await obtainCode(server, { browser, changes: app })
  const { leftTo } = await browser.open(authorizePath(challenge, { ...app, prompt: 'none' }))
  expect(leftTo?.searchParams.get('error')).toMatch(/^(consent|interaction)_required$/)
})

provesSecrecy()
