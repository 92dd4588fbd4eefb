// What an operator can say about clients that nobody registered but themselves.
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { openDocumentHost, verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { readConfig } from '../../config.ts'
import { createDataDir, startAuthServer } from '../../harness/auth-server.ts'
import { deviceGrant, terminal } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import {
  askAsDevice,
  authorizePath,
  createPkce,
  errorOf,
  logInOnDevice,
  loopback,
  obtainCode,
  refresh,
  refused,
} from '../../harness/flows.ts'

const device = {
  client_name: 'Television',
  grant_types: [deviceGrant, 'refresh_token'],
  response_types: [],
  redirect_uris: [],
  token_endpoint_auth_method: 'none',
}
const editor = {
  client_name: 'Editor',
  grant_types: ['authorization_code', 'refresh_token', deviceGrant],
  redirect_uris: [loopback],
  token_endpoint_auth_method: 'none',
}
const browserOnly = { AUTH_UNVERIFIED_POLICY: 'browser' }
const closed = { AUTH_UNVERIFIED_POLICY: 'refuse' }
const metadataPath = '/.well-known/oauth-authorization-server'

verifies('R3', 'schemes that the operator lists are admitted besides the known ones', async () => {
  await using server = await startAuthServer({ environment: { AUTH_REDIRECT_SCHEMES: 'zed, Windsurf://,warp:' } })
  const register = (uri: string) => server.register({ ...editor, redirect_uris: [uri] })
  for (const uri of [
    'zed://callback',
    'windsurf://codeium/callback',
    'warp://mcp',
    'cursor://x/callback',
    'vscode://x',
  ])
    expect([uri, (await register(uri)).status]).toEqual([uri, 201])
  const { json, status } = await register('zedx://callback')
  expect([status, json.error]).toEqual([400, 'invalid_redirect_uri'])
  expect(json.error_description).toBe(
    'redirect_uris: the scheme zedx: must be a reversed domain name, such as com.example.app:, or be admitted by the operator (AUTH_REDIRECT_SCHEMES)',
  )
})

verifies('R3', 'a scheme that is no app of its own cannot be listed', () => {
  const faultOf = (AUTH_REDIRECT_SCHEMES: string) => {
    try {
      readConfig({ AUTH_REDIRECT_SCHEMES })
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
  for (const scheme of ['http', 'https://', 'javascript:', 'data', 'file', 'blob', 'a b', '1x', '*', 'x_y'])
    expect([scheme, faultOf(`zed,${scheme}`)]).toEqual([scheme, expect.stringContaining('AUTH_REDIRECT_SCHEMES takes')])
  expect(faultOf('zed,com.example.app,x-my.app+1')).toBeUndefined()
  expect(() => readConfig({ AUTH_UNVERIFIED_POLICY: 'maybe' })).toThrow(
    'AUTH_UNVERIFIED_POLICY must be one of allow, browser, refuse.',
  )
})

verifies('D19', 'the approval page marks an app that registered itself, and no other', async () => {
  await using server = await startAuthServer()
  const { client_id: id = '' } = (await server.register(device)).json
  const seen = async (clientId: string) => {
    const browser = server.openBrowser()
    await browser.enterCode((await askAsDevice(server, { client_id: clientId })).userCode)
    return (await browser.logIn()).text
  }
  const marked = await seen(id)
  for (const fact of ['Television', 'Unverified app', 'Nobody has checked this app', 'Your device must show this code'])
    expect(marked).toContain(fact)
  const own = await seen(terminal.client_id)
  expect(own).toContain('Added by an administrator')
  expect(own).not.toContain('Nobody has checked this app')
})

verifies(['D20', 'R1'], 'an app cannot register under a name that vouches for it, and is told why', async () => {
  await using server = await startAuthServer()
  for (const name of ['Pub A ✔ Added by an administrator', 'Verified: claude.ai']) {
    const refusal = await server.register({ ...editor, client_name: name })
    expect(errorOf(refusal)).toEqual(refused(400, 'invalid_client_metadata'))
    expect(refusal.json.error_description).toContain('are for this server to say')
  }
  const { client_id: id } = (await server.register({ ...editor, client_name: 'Pub A ✔' })).json
  const { text } = await server.openBrowser().open(authorizePath(createPkce().challenge, { client_id: id }))
  expect(text).toContain('Pub A Unverified app')
  expect(text).not.toContain('✔')
})

verifies('D19', 'what such an app got by code alone ends after a day without use; with use it goes on', async () => {
  await using server = await startAuthServer()
  const { client_id: id = '' } = (await server.register(device)).json
  const idle = await logInOnDevice(server, { client_id: id })
  let { refresh_token: busy } = await logInOnDevice(server, { client_id: id })
  for (let half = 0; half < 2; half += 1) {
    server.elapse(43_300)
    busy = (await refresh(server, busy, { client_id: id })).json.refresh_token
    expect(busy).toBeDefined()
  }
  expect((await refresh(server, idle.refresh_token, { client_id: id })).json.error).toBe('invalid_grant')
  const own = await logInOnDevice(server)
  server.elapse(20 * 86_400)
  expect((await refresh(server, own.refresh_token)).status).toBe(200)
})

verifies('D19', 'with AUTH_UNVERIFIED_POLICY=browser such apps have no device flow, and are told so', async () => {
  await using server = await startAuthServer({ environment: browserOnly })
  const why = 'sign-in by device code is for clients that the operator of this server registered'
  const refusal = await server.register(device)
  expect(errorOf(refusal)).toEqual(refused(400, 'invalid_client_metadata'))
  expect(refusal.json.error_description).toBe(`grant_types: ${why}`)

  const { status, json } = await server.register(editor)
  expect([status, json.grant_types]).toEqual([201, ['authorization_code', 'refresh_token']])
  const asked = await server.post('/device_authorization', { client_id: json.client_id ?? '' })
  expect(errorOf(asked)).toEqual(refused(400, 'unauthorized_client'))
  expect(asked.json.error_description).toBe(why)
  // the browser is open to it, and the device flow to the operator's own
  expect((await (await obtainCode(server, { changes: { client_id: json.client_id ?? '' } })).redeem()).status).toBe(200)
  expect((await logInOnDevice(server)).refresh_token).toBeDefined()
})

verifies('D19', 'a device client that registered before the policy changed gets no further', async () => {
  const dataDir = createDataDir()
  let id = ''
  let code = ''
  {
    await using before = await startAuthServer({ dataDir })
    id = (await before.register(editor)).json.client_id ?? ''
    code = (await askAsDevice(before, { client_id: id })).deviceCode
  }
  await using server = await startAuthServer({ dataDir, environment: browserOnly })
  const poll = await server.token({ grant_type: deviceGrant, device_code: code, client_id: id })
  expect(errorOf(poll)).toEqual(refused(400, 'unauthorized_client'))
})

verifies('D19', 'with AUTH_UNVERIFIED_POLICY=browser a document has no device flow either', async () => {
  await using host = await openDocumentHost()
  setDefaultCACertificates([...getCACertificates('default'), host.certificate])
  const environment = { ...browserOnly, AUTH_METADATA_HOSTS_PRIVATE: 'localhost' }
  await using server = await startAuthServer({ environment })
  const id = host.publish('/editor', editor)
  expect((await server.post('/device_authorization', { client_id: id })).json.error).toBe('unauthorized_client')
  const { redeem } = await obtainCode(server, { changes: { client_id: id } })
  expect((await redeem()).status).toBe(200)
})

verifies(
  'D19',
  'with AUTH_UNVERIFIED_POLICY=refuse only the operator’s clients are known, and nothing is advertised',
  async () => {
    const dataDir = createDataDir()
    let before = ''
    {
      await using open = await startAuthServer({ dataDir })
      before = (await open.register(editor)).json.client_id ?? ''
    }
    await using host = await openDocumentHost()
    const environment = { ...closed, AUTH_METADATA_HOSTS_PRIVATE: 'localhost' }
    await using server = await startAuthServer({ dataDir, environment })
    const { json: metadata } = await server.get(metadataPath)
    expect(metadata).not.toHaveProperty('registration_endpoint')
    expect(metadata).not.toHaveProperty('client_id_metadata_document_supported')

    const refusal = await server.register(editor, { origin: 'https://inspector.example' })
    expect(errorOf(refusal)).toEqual(refused(403, 'access_denied'))
    expect(refusal.json.error_description).toBe(
      'Clients do not register themselves here: ask the operator of this server for a client_id.',
    )
    expect(refusal.headers['access-control-allow-origin']).toBe('*')

    for (const id of [before, host.publish('/editor', editor), 'unheard-of']) {
      const page = await server.openBrowser().open(authorizePath(createPkce().challenge, { client_id: id }))
      expect([id, page.status, page.text]).toEqual([
        id,
        400,
        expect.stringContaining('only clients that the operator registered are known here'),
      ])
      for (const answer of [
        await server.post('/device_authorization', { client_id: id }),
        await refresh(server, 'x', { client_id: id }),
      ]) {
        expect([id, answer.json.error]).toEqual([id, 'invalid_client'])
      }
    }
    expect(host.connections()).toBe(0)
    expect((await logInOnDevice(server)).refresh_token).toBeDefined()
  },
)

test('the default is open to everybody', async () => {
  await using server = await startAuthServer()
  const { json } = await server.get(metadataPath)
  expect(json.registration_endpoint).toBe(`${server.issuer}/register`)
  expect(json.client_id_metadata_document_supported).toBe(true)
})

provesSecrecy()
