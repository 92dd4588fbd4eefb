// Where the code of a client that registered itself may go: RFC 8252 as the clients of today need it.
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { authorizePath, createPkce, obtainCode } from '../../harness/flows.ts'

async function register(server: AuthServer, redirectUris: readonly string[], changes: object = {}): Promise<string> {
  const metadata = { client_name: 'App', redirect_uris: redirectUris, token_endpoint_auth_method: 'none', ...changes }
  const { status, json, text } = await server.register(metadata)
  expect(status, text).toBe(201)
  expect(json.redirect_uris, 'every redirect is kept, byte for byte').toEqual(redirectUris)
  return json.client_id ?? ''
}

async function isOpen(server: AuthServer, clientId: string, redirectUri: string): Promise<boolean> {
  const path = authorizePath(createPkce().challenge, { client_id: clientId, redirect_uri: redirectUri })
  const page = await server.openBrowser().open(path)
  if (page.heading === 'Sign in') return true
  expect([redirectUri, page.status, page.leftTo]).toEqual([redirectUri, 400, undefined])
  return false
}

const names = ['localhost', '127.0.0.1', '[::1]']

verifies(
  'A2',
  'the port of a loopback redirect is free for each of the three names, and no name is another',
  async () => {
    await using server = await startAuthServer()
    for (const name of names) {
      for (const registered of [`http://${name}/callback`, `http://${name}:4711/callback`]) {
        for (const type of [undefined, 'web', 'native']) {
          const id = await register(server, [registered], type ? { application_type: type } : {})
          for (const asked of names) {
            for (const port of ['', ':80', ':1', ':4711', ':65535']) {
              const uri = `http://${asked}${port}/callback`
              // of a name without a port, ":80" is another way to write it
              expect([registered, uri, await isOpen(server, id, uri)]).toEqual([registered, uri, asked === name])
            }
          }
        }
      }
    }
  },
  60_000,
)

verifies('A2', 'nothing but the port of a loopback redirect is free', async () => {
  await using server = await startAuthServer()
  const id = await register(server, ['http://127.0.0.1/callback', 'https://app.example.com/callback'])
  for (const uri of [
    'http://127.0.0.1:4711/',
    'http://127.0.0.1:4711/callback/',
    'http://127.0.0.1:4711/Callback',
    'http://127.0.0.1:4711/callback?x=1',
    'http://127.0.0.1:4711/callback#x',
    'http://127.0.0.1:4711/callback/../x',
    'http://127.0.0.1:4711//callback',
    'http://user@127.0.0.1:4711/callback',
    'http://127.0.0.1:4711@evil.example/callback',
    'http://127.0.0.1.evil.example:4711/callback',
    'http://127.0.0.2:4711/callback',
    'http://2130706433:4711/callback',
    'http://127.1:4711/callback',
    'http:127.0.0.1:4711/callback',
    'http:/127.0.0.1:4711/callback',
    'http:///127.0.0.1:4711/callback',
    'http://@127.0.0.1:4711/callback',
    'http:\\\\127.0.0.1:4711\\callback',
    'http://127.0.0.1:4711/call\tback',
    ' http://127.0.0.1:4711/callback',
    '\u0000http://127.0.0.1:4711/callback',
    'HTTP://127.0.0.1:4711/callback',
    'http://127.0.0.1:4711/callback?',
    'http://[::ffff:127.0.0.1]:4711/callback',
    'http://localhost.:4711/callback',
    'https://127.0.0.1:4711/callback',
    'https://app.example.com:8443/callback',
    'http://app.example.com/callback',
    'https://app.example.com/callback/',
  ]) {
    expect([uri, await isOpen(server, id, uri)]).toEqual([uri, false])
  }
})

verifies('A2', 'the code goes to the very port that was asked for, and is redeemed with it alone', async () => {
  await using server = await startAuthServer()
  const id = await register(server, ['http://localhost/callback'])
  const asked = 'http://localhost:58135/callback'
  const { redeem } = await obtainCode(server, { changes: { client_id: id, redirect_uri: asked } })
  const other = await redeem({ redirect_uri: 'http://localhost:58136/callback' })
  expect([other.status, other.json.error]).toEqual([400, 'invalid_grant'])
  expect((await redeem()).status).toBe(200)
})

verifies(
  'R3',
  'editors get their codes by the scheme they registered, whatever else they registered beside it',
  async () => {
    await using server = await startAuthServer()
    for (const scheme of ['claude', 'cursor', 'vscode', 'vscode-insiders', 'warp']) {
      const uri = `${scheme}://publisher.extension/oauth/callback`
      const id = await register(
        server,
        [uri, 'https://www.cursor.com/agents/mcp/oauth/callback', 'http://localhost:8787/callback'],
        {
          application_type: 'web',
        },
      )
      const browser = server.openBrowser()
      await browser.open(authorizePath(createPkce().challenge, { client_id: id, redirect_uri: uri }))
      await browser.logIn()
      expect(browser.page.text).toContain('You will return to an app on this device')
      const { leftTo } = await browser.approve()
      expect(leftTo?.href).toMatch(new RegExp(`^${scheme}://publisher\\.extension/oauth/callback\\?code=`))
      expect(await isOpen(server, id, `${uri}/x`)).toBe(false)
      expect(await isOpen(server, id, `${scheme}://other.extension/oauth/callback`)).toBe(false)
    }
  },
)

provesSecrecy()
