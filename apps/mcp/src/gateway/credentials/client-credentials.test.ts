import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { createCertificate } from '@gatehouse/testing'
import { decodeJwt, decodeProtectedHeader, exportJWK, type JWK } from 'jose'
import { expect, test } from 'vitest'
import { keySetOf, secretClient, startIssuer } from '../harness/issuer.ts'
import type { ClientCredentials } from '../settings.ts'
import { createGrant } from './client-credentials.ts'
import { createIssuerFetch } from './issuer-fetch.ts'

const resource = 'https://ledger.example.com/mcp'
const settingsAt = (issuer: string, given: Partial<ClientCredentials> = {}): ClientCredentials => ({
  issuer,
  clientId: secretClient.client_id,
  scope: 'ledger:read',
  resource,
  ...(!given.privateKey && { clientSecret: () => secretClient.client_secret }),
  ...given,
})

async function grant(
  settings: ClientCredentials,
  { proxies = {}, ca }: { readonly proxies?: Record<string, string>; readonly ca?: () => string } = {},
) {
  const { fetch, close } = createIssuerFetch({ proxies, userAgent: 'gatehouse/0', ca, connectLimit: 1_000 })
  try {
    return await createGrant({ name: 'ledger', settings, fetch, now: Date.now })()
  } finally {
    await close()
  }
}

test.each(['client_secret_basic', 'client_secret_post'] as const)(
  'a secret is shown as %s, as the metadata say, and the resource is named',
  async (method) => {
    const client = { ...secretClient, token_endpoint_auth_method: method }
    await using issuer = await startIssuer([client], { methods: [method] })
    const { value, life } = await grant(settingsAt(issuer.issuer))
    expect(decodeJwt(value)).toMatchObject({ aud: resource, scope: 'ledger:read', client_id: 'gateway' })
    expect(life).toBe(600_000)
    expect(new URLSearchParams(issuer.asked[0]?.body).get('resource')).toBe(resource)
    expect(issuer.paths[0]).toBe('/.well-known/oauth-authorization-server')
  },
)

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const pem = (key: typeof rsa, type: 'pkcs8' | 'pkcs1' | 'sec1') =>
  String(key.export({ type: type as 'pkcs8', format: 'pem' }))

test.each([
  ['RS256', rsa, pem(rsa, 'pkcs8')],
  ['RS256', rsa, pem(rsa, 'pkcs1')],
  ['ES256', ec, pem(ec, 'sec1')],
  ['ES256', ec, JSON.stringify({ ...ec.export({ format: 'jwk' }), kid: 'the-key' })],
])('a key signs an assertion with %s for the issuer (RFC 7523)', async (alg, key, text) => {
  const jwk: JWK = { ...(await exportJWK(createPublicKey(pem(key, 'pkcs8')))), kid: 'the-key', alg }
  const client = {
    client_id: 'gateway',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: alg as 'ES256',
    jwks: keySetOf(jwk),
  } as const
  await using issuer = await startIssuer([client])
  expect(decodeJwt((await grant(settingsAt(issuer.issuer, { privateKey: () => text }))).value).aud).toBe(resource)
  const body = new URLSearchParams(issuer.asked[0]?.body)
  expect(body.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  const assertion = body.get('client_assertion') ?? ''
  expect(decodeProtectedHeader(assertion)).toMatchObject({ alg, ...(text.startsWith('{') && { kid: 'the-key' }) })
  expect(decodeJwt(assertion)).toMatchObject({ iss: 'gateway', sub: 'gateway', aud: issuer.issuer })
})

test('a server that has metadata of OpenID alone is found, too', async () => {
  await using issuer = await startIssuer([secretClient], { hasOauthMetadata: false })
  expect((await grant(settingsAt(issuer.issuer))).value).toMatch(/^ey/)
})

test('what is wrong is told by its kind, with what to do, and with no secret', async () => {
  await using issuer = await startIssuer([secretClient])
  await using renamed = await startIssuer([secretClient], { name: 'https://idp.example.com' })
  const at = (given: Partial<ClientCredentials>) => settingsAt(issuer.issuer, given)
  const cases: readonly [ClientCredentials, object][] = [
    [at({ clientSecret: () => 'planted-wrong' }), { about: 'client', message: /client.*credential\.clientId/ }],
    [at({ clientId: 'nobody' }), { about: 'client' }],
    [
      at({ resource: 'https://nowhere.example.com/' }),
      { about: 'token', message: /invalid_target.*credential\.resource/ },
    ],
    [settingsAt(renamed.issuer), { about: 'issuer', detail: /"https:\/\/idp\.example\.com"/ }],
    [settingsAt(`${issuer.issuer}/`), { about: 'issuer' }],
    [settingsAt(`${issuer.issuer}/tenant`), { about: 'issuer', message: /RFC 8414.*HTTP 404/ }],
  ]
  for (const [settings, expected] of cases) {
    const error = await grant(settings).catch((one: unknown) => one as Error)
    const matchers = Object.entries(expected).map(([name, value]) => [
      name,
      value instanceof RegExp ? expect.stringMatching(value) : value,
    ])
    expect(error).toMatchObject({ fault: 'unauthorized', ...Object.fromEntries(matchers) })
    expect(JSON.stringify([error, String(error)])).not.toMatch(/planted/)
    // callers read it
    expect((error as Error).message).not.toMatch(/http:/)
  }
  await issuer.stop()
  await expect(grant(at({}))).rejects.toMatchObject({
    fault: 'unreachable',
    about: 'token-endpoint',
    message: expect.stringMatching(/ECONNREFUSED.*see that it runs/),
  })
  await issuer.start()
})

test('a redirect is not followed, and a token endpoint elsewhere without https is not asked', async () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const issuer = `http://localhost:${(server.address() as AddressInfo).port}${/\/(moved|plain)$/.exec(request.url ?? '')?.[0]}`
    if (request.url?.endsWith('/moved')) response.writeHead(302, { location: '/elsewhere' }).end()
    else {
      const metadata = { issuer, token_endpoint: 'http://token.example.com/token', response_types_supported: ['code'] }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const { port } = server.address() as AddressInfo
  await expect(grant(settingsAt(`http://localhost:${port}/moved`))).rejects.toMatchObject({
    about: 'issuer',
    message: expect.stringMatching(/redirect/),
  })
  await expect(grant(settingsAt(`http://localhost:${port}/plain`))).rejects.toMatchObject({
    about: 'issuer',
    message: expect.stringMatching(/not https/),
  })
  expect(asked).toEqual([
    '/.well-known/oauth-authorization-server/moved',
    '/.well-known/oauth-authorization-server/plain',
  ])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('an authority of the file’s own is trusted beside Node’s, through a proxy, too; no other is', async () => {
  const certificate = await createCertificate(['localhost'])
  const server = createTlsServer(certificate, (request, response) => {
    const issuer = `https://localhost:${(server.address() as AddressInfo).port}`
    const metadata = { issuer, token_endpoint: `${issuer}/token` }
    const token = { access_token: 'granted', token_type: 'Bearer', expires_in: 60 }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(request.url === '/token' ? token : metadata))
  })
  const through: string[] = []
  const proxy = createServer().on('connect', ({ url = '' }, socket) => {
    through.push(url)
    const onward = connect(Number(url.split(':')[1]), 'localhost', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    onward.pipe(socket).pipe(onward)
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  })
  await Promise.all([server, proxy].map((one) => new Promise<void>((resolve) => one.listen(0, 'localhost', resolve))))
  const at = (one: typeof server | typeof proxy) => `localhost:${(one.address() as AddressInfo).port}`
  const settings = settingsAt(`https://${at(server)}`)
  const proxies = { HTTPS_PROXY: `http://${at(proxy)}` }
  const ca = () => certificate.cert
  expect(await grant(settings, { ca })).toEqual({ value: 'granted', life: 60_000 })
  expect(through).toEqual([])
  expect(await grant(settings, { ca, proxies })).toMatchObject({ value: 'granted' })
  expect(new Set(through)).toEqual(new Set([at(server)]))
  const before = through.length
  expect(await grant(settings, { ca, proxies: { ...proxies, NO_PROXY: 'localhost' } })).toMatchObject({
    value: 'granted',
  })
  expect(through).toHaveLength(before)
  for (const given of [{}, { proxies }])
    await expect(grant(settings, given)).rejects.toMatchObject({
      about: 'token-endpoint',
      message: expect.stringMatching(/SELF_SIGNED/),
    })
  for (const one of [server, proxy]) {
    one.closeAllConnections()
    one.close()
  }
})
