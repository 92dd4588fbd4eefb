import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { authorizePath, createPkce, errorOf, refused } from '../../harness/flows.ts'

const web = 'https://app.example.com/callback'
const invalidRedirect = refused(400, 'invalid_redirect_uri')

verifies(['R1', 'R2'], 'what is no place for a code is an invalid_redirect_uri, alone or among good ones', async () => {
  await using server = await startAuthServer()
  const bad = [
    ...[
      'javascript:alert(1)',
      'JavaScript:alert(1)',
      ' javascript:alert(1)',
      'java\tscript:alert(1)',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc/passwd',
    ],
    ...[
      'blob:https://app.example.com/x',
      'about:blank',
      'ftp://app.example.com/',
      'ws://app.example.com/',
      'wss://app.example.com/',
    ],
    ...[
      'http://app.example.com/callback',
      'http://127.0.0.1.evil.example/',
      'http://localhost.evil.example/',
      'http://10.0.0.1/',
      'http://0.0.0.0/',
    ],
    ...[
      'https://*.example.com/callback',
      'https://u:p@app.example.com/',
      'http://u@127.0.0.1/',
      `${web}#x`,
      `${web}#`,
      '//app.example.com/',
      '/callback',
      'callback',
    ],
    ...[
      'https:\\\\app.example.com',
      'https://app.example.com\\@evil.example/',
      'https://app.example.com/a b',
      '',
      `https://app.example.com/${'x'.repeat(3_000)}`,
    ],
    ...[
      'https:app.example.com/callback',
      'https:/app.example.com/callback',
      'https:///app.example.com/callback',
      'https:////app.example.com/callback',
      'https://@app.example.com/callback',
      'https://:@app.example.com/callback',
      'http:localhost/callback',
      'http:///localhost/callback',
      'http://@localhost/callback',
      'cursor://@x/callback',
      'https:?x@app.example.com',
    ],
    ...[
      'https://app.example.com/\u0000',
      '\u0000https://app.example.com/',
      'https://app.example.com/\u007f',
      'https://app.example.com/%00',
      'com.example.app:/\u0001',
    ],
  ]
  for (const uri of bad) {
    for (const uris of [[uri], [web, uri]]) {
      expect([uris, errorOf(await server.register({ redirect_uris: uris }))]).toEqual([uris, invalidRedirect])
    }
  }
  const { json } = await server.register({ redirect_uris: ['http://app.example.com/callback'] })
  expect(json.error_description).toBe(
    'redirect_uris: http is for this computer alone (localhost, 127.0.0.1, [::1]); use https',
  )
  for (const uris of [web, {}, [1], [null], [[web]], Array(33).fill(web)]) {
    const answer = await server.register({ redirect_uris: uris })
    expect([uris, answer.status, answer.json.error]).toEqual([
      uris,
      400,
      expect.stringMatching(/^invalid_(redirect_uri|client_metadata)$/),
    ])
  }
})

verifies('R2', 'loopback redirects make a client a native one, whatever it says of itself', async () => {
  await using server = await startAuthServer()
  for (const uri of ['http://127.0.0.1/callback', 'http://localhost:8787/callback', 'http://[::1]:1/callback']) {
    const { status, json } = await server.register({
      redirect_uris: [web, uri],
      application_type: 'web',
      token_endpoint_auth_method: 'none',
    })
    expect([status, json.application_type, json.redirect_uris]).toEqual([201, 'native', [web, uri]])
    const other = uri.replace(/(:\d+)?\/callback/, ':54321/callback')
    const page = await server
      .openBrowser()
      .open(authorizePath(createPkce().challenge, { client_id: json.client_id, redirect_uri: other }))
    expect(page.heading).toBe('Sign in')
  }
})

verifies('R3', 'private schemes are those of known editors, or reversed domain names', async () => {
  await using server = await startAuthServer()
  for (const uri of [
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'vscode://x/callback',
    'vscode-insiders://x',
    'com.example.app:/callback',
    'com.example.app://callback',
  ]) {
    expect([uri, (await server.register({ redirect_uris: [uri], token_endpoint_auth_method: 'none' })).status]).toEqual(
      [uri, 201],
    )
  }
  for (const uri of [
    'myapp://callback',
    'slack://x',
    'x-apple:y',
    'mailto:a@example.com',
    'tel:1',
    'ms-msdt:x',
    'com.:x',
    'view-source:https://a',
  ]) {
    expect([uri, errorOf(await server.register({ redirect_uris: [uri], token_endpoint_auth_method: 'none' }))]).toEqual(
      [uri, invalidRedirect],
    )
  }
})

provesSecrecy()
