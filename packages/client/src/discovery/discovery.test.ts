import type { Fetch } from '@gatehouse/network'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { discover, mcpServerUrl } from './discovery.ts'

type Documents = Record<string, unknown>

const issuer = 'https://auth.example'
const server = (overrides: Documents = {}) => ({ issuer, token_endpoint: `${issuer}/token`, ...overrides })
const resource = (overrides: Documents = {}) => ({
  resource: 'https://mcp.example/mcp',
  authorization_servers: [issuer],
  scopes_supported: ['read', 'call'],
  ...overrides,
})

/** Discovers on a web of documents; everything else is 404, the MCP server's own address 401 with `challenge`. */
function discoverOn(
  documents: Documents,
  {
    url = 'https://mcp.example/mcp',
    challenge = 'Bearer',
    status = 401,
    body = '',
    known = undefined as string | undefined,
  } = {},
) {
  const asked: string[] = []
  const fetch: Fetch = async (address) => {
    asked.push(address)
    if (address === url) return new Response(body, { status, headers: { 'www-authenticate': challenge } })
    const document = documents[address]
    if (document instanceof Response) return document.clone()
    return address in documents ? Response.json(document) : new Response('', { status: 404 })
  }
  return { asked, found: discover(mcpServerUrl(url), { fetch, clock: systemClock, issuer: known }) }
}

const wellKnown = 'https://mcp.example/.well-known/oauth-protected-resource'
const rfc8414 = 'https://auth.example/.well-known/oauth-authorization-server'

test('the challenge says where the metadata is and which scope to ask for', async () => {
  const place = 'https://mcp.example/elsewhere'
  const challenge = `Bearer resource_metadata="${place}", scope="read"`
  const { found, asked } = discoverOn({ [place]: resource(), [rfc8414]: server() }, { challenge })
  expect(await found).toMatchObject({ issuer, resource: 'https://mcp.example/mcp', scope: 'read' })
  expect(asked).toEqual(['https://mcp.example/mcp', place, rfc8414])
})

test('without a word in the challenge the well-known places are tried, and the scopes are those of the metadata', async () => {
  const { found, asked } = discoverOn({ [wellKnown]: resource(), [rfc8414]: server() })
  expect(await found).toMatchObject({ scope: 'read call' })
  expect(asked.slice(1, 3)).toEqual([`${wellKnown}/mcp`, wellKnown])
  const silent = discoverOn({ [`${wellKnown}/mcp`]: resource({ scopes_supported: undefined }), [rfc8414]: server() })
  expect((await silent.found).scope).toBeUndefined()
})

test('an issuer with a path is looked for in the order of the MCP specification', async () => {
  const tenant = 'https://auth.example/tenant'
  const last = `${tenant}/.well-known/openid-configuration`
  const documents = {
    [`${wellKnown}/mcp`]: resource({ authorization_servers: [tenant] }),
    [last]: server({ issuer: tenant }),
  }
  const { found, asked } = discoverOn(documents)
  expect((await found).issuer).toBe(tenant)
  expect(asked.slice(2)).toEqual([
    `${rfc8414}/tenant`,
    'https://auth.example/.well-known/openid-configuration/tenant',
    last,
  ])
})

verifies('K2', 'metadata that names another issuer is refused, byte for byte', async () => {
  for (const other of ['https://evil.example', `${issuer}/`, 'https://AUTH.example', 'https://auth.example:443']) {
    const { found } = discoverOn({ [`${wellKnown}/mcp`]: resource(), [rfc8414]: server({ issuer: other }) })
    await expect(found, other).rejects.toMatchObject({ code: 'issuer_mismatch', exitCode: 7 })
  }
})

verifies(
  'K2',
  'metadata for another resource is refused; a parent on the same origin, or one with a slash at the end, is accepted',
  async () => {
    for (const other of [
      'https://evil.example/mcp',
      'https://mcp.example/other',
      'https://mcp.example/mc',
      'https://mcp.example/mcp/deeper',
      'https://mcp.example:8443/mcp',
      'http://mcp.example/mcp',
    ]) {
      const { found } = discoverOn({ [`${wellKnown}/mcp`]: resource({ resource: other }), [rfc8414]: server() })
      await expect(found, other).rejects.toMatchObject({ code: 'resource_mismatch', exitCode: 7 })
    }
    for (const parent of ['https://mcp.example', 'https://mcp.example/', 'https://mcp.example/mcp/']) {
      const { found } = discoverOn({ [wellKnown]: resource({ resource: parent }), [rfc8414]: server() })
      expect((await found).resource).toBe(parent)
    }
  },
)

verifies('K1', 'metadata with an endpoint that is no safe address is refused whole', async () => {
  for (const endpoint of [
    'authorization_endpoint',
    'token_endpoint',
    'registration_endpoint',
    'device_authorization_endpoint',
  ]) {
    for (const address of ['javascript:alert(1)', 'file:///bin/sh', 'http://auth.example/x', 'a:$(touch x)']) {
      const { found } = discoverOn({ [`${wellKnown}/mcp`]: resource(), [rfc8414]: server({ [endpoint]: address }) })
      await expect(found, `${endpoint} ${address}`).rejects.toMatchObject({ exitCode: 7 })
    }
  }
})

test('members that are null, empty, nested or of no use count as absent, in both documents', async () => {
  const nothing = { scopes_supported: null, bearer_methods_supported: 'header', resource_name: '', jwks_uri: 7 }
  const withDepth = (document: Documents) =>
    new Response(JSON.stringify(document).replace('{', `{"deep":${'['.repeat(7000)}${']'.repeat(7000)},`))
  const { found } = discoverOn({
    [`${wellKnown}/mcp`]: withDepth(resource({ ...nothing, resource_documentation: null })),
    [rfc8414]: withDepth(
      server({
        registration_endpoint: null,
        device_authorization_endpoint: '',
        grant_types_supported: [],
        code_challenge_methods_supported: [null, 'S256', ''],
        token_endpoint_auth_methods_supported: 'none',
        jwks_uri: 'not served here',
        mtls_endpoint_aliases: {},
      }),
    ),
  })
  const { metadata, scope } = await found
  expect(scope).toBeUndefined()
  expect(metadata).toEqual({
    issuer,
    token_endpoint: `${issuer}/token`,
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    jwks_uri: 'not served here',
  })
})

test('lists that are one text, and a document with a BOM and another media type, are read', async () => {
  const document = resource({ authorization_servers: issuer, scopes_supported: ' read  call ' })
  const { found } = discoverOn({
    [`${wellKnown}/mcp`]: new Response(`\uFEFF ${JSON.stringify(document)}\n`, {
      headers: { 'content-type': 'text/html' },
    }),
    [rfc8414]: server(),
  })
  expect(await found).toMatchObject({ issuer, scope: 'read call' })
})

test('a place that answers with a page is passed over; where there is no other, that is the fault', async () => {
  const page = new Response('<!doctype html>')
  const openid = `${issuer}/.well-known/openid-configuration`
  const challenge = 'Bearer resource_metadata="https://mcp.example/gone"'
  const documents = { [`${wellKnown}/mcp`]: page, [wellKnown]: resource(), [rfc8414]: page, [openid]: server() }
  expect((await discoverOn(documents, { challenge }).found).issuer).toBe(issuer)
  await expect(discoverOn({ ...documents, [openid]: page }).found).rejects.toMatchObject({ code: 'metadata_invalid' })
  await expect(discoverOn({ ...documents, [wellKnown]: page }).found).rejects.toMatchObject({
    code: 'metadata_invalid',
  })
})

verifies(
  'K2',
  'of several authorization servers the first with metadata is used; one that lies ends the search',
  async () => {
    const other = 'https://other.example'
    const place = `${other}/.well-known/oauth-authorization-server`
    const two = resource({ authorization_servers: [other, issuer] })
    const { found, asked } = discoverOn({ [`${wellKnown}/mcp`]: two, [rfc8414]: server() })
    expect((await found).issuer).toBe(issuer)
    expect(asked).toContain(place)
    for (const [document, code] of [
      [server(), 'issuer_mismatch'],
      [server({ issuer: other, token_endpoint: 'file:///x' }), 'unsafe_address'],
    ] as const) {
      const lying = discoverOn({ [`${wellKnown}/mcp`]: two, [rfc8414]: server(), [place]: document })
      await expect(lying.found).rejects.toMatchObject({ code })
    }
    const unsafe = resource({ authorization_servers: ['http://other.example', issuer] })
    const { found: refused } = discoverOn({ [`${wellKnown}/mcp`]: unsafe, [rfc8414]: server() })
    await expect(refused).rejects.toMatchObject({ code: 'unsafe_address' })
    const many = Array.from({ length: 1000 }, (_, at) => `https://${at}.example`)
    const endless = discoverOn({ [`${wellKnown}/mcp`]: resource({ authorization_servers: many }) })
    await expect(endless.found).rejects.toMatchObject({
      code: 'metadata_missing',
      message: expect.stringContaining('//0.'),
    })
    expect(endless.asked.length).toBeLessThan(20)
  },
)

test('the authorization server in use is asked first for as long as the resource names it', async () => {
  const other = 'https://other.example'
  const documents = {
    [`${wellKnown}/mcp`]: resource({ authorization_servers: [other, issuer] }),
    [rfc8414]: server(),
    [`${other}/.well-known/oauth-authorization-server`]: server({ issuer: other }),
  }
  const issuerIn = async (known?: string) => (await discoverOn(documents, { known }).found).issuer
  expect(await issuerIn()).toBe(other)
  expect(await issuerIn(issuer)).toBe(issuer)
  expect(await issuerIn('https://gone.example')).toBe(other)
})

test('a challenge with 403, and a Bearer challenge after another one, say where the metadata is', async () => {
  const place = 'https://mcp.example/elsewhere'
  for (const challenge of [
    `bearer  scope="read", resource_metadata=${place}`,
    `Basic realm="x", Bearer resource_metadata="${place}", scope="read"`,
  ]) {
    for (const status of [401, 403]) {
      const { found } = discoverOn({ [place]: resource(), [rfc8414]: server() }, { challenge, status })
      expect(await found, challenge).toMatchObject({ issuer, scope: 'read' })
    }
  }
})

test('a server without metadata, or with something else in its place, is told apart from one that is down', async () => {
  await expect(discoverOn({}).found).rejects.toMatchObject({ code: 'metadata_missing' })
  await expect(discoverOn({ [`${wellKnown}/mcp`]: [] }).found).rejects.toMatchObject({ code: 'metadata_invalid' })
  await expect(discoverOn({ [`${wellKnown}/mcp`]: resource() }).found).rejects.toMatchObject({
    code: 'metadata_missing',
  })
  const noServer = resource({ authorization_servers: undefined })
  await expect(discoverOn({ [`${wellKnown}/mcp`]: noServer }).found).rejects.toMatchObject({ code: 'metadata_missing' })
})

test('a server that asks for no sign-in and publishes no metadata is said to need none; with metadata it is used', async () => {
  await expect(discoverOn({}, { status: 200 }).found).rejects.toMatchObject({
    code: 'metadata_missing',
    message: 'https://mcp.example/mcp does not ask for a sign-in.',
    command: 'tools',
  })
  const { found } = discoverOn({ [wellKnown]: resource(), [rfc8414]: server() }, { status: 200 })
  expect((await found).issuer).toBe(issuer)
})

test('an address that only the metadata covers is answered with the right one; an unknown method is no such address', async () => {
  const documents = { [wellKnown]: resource(), [`${wellKnown}/mcp/`]: resource(), [rfc8414]: server() }
  const url = 'https://mcp.example/mcp/'
  await expect(discoverOn(documents, { url, status: 404 }).found).rejects.toMatchObject({
    code: 'resource_mismatch',
    hint: expect.stringContaining('--url https://mcp.example/mcp'),
  })
  expect((await discoverOn(documents, { url }).found).resource).toBe('https://mcp.example/mcp')
  const body = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'
  expect((await discoverOn(documents, { url, status: 404, body }).found).issuer).toBe(issuer)
  expect((await discoverOn(documents, { status: 404 }).found).issuer).toBe(issuer)
})

test('an address that a person typed is https, or http on this computer', () => {
  for (const wrong of [
    'mcp.example/mcp',
    'http://mcp.example/mcp',
    'ftp://mcp.example',
    'https://a:b@mcp.example/mcp',
  ]) {
    expect(() => mcpServerUrl(wrong), wrong).toThrow(expect.objectContaining({ code: 'usage' }))
  }
  expect(mcpServerUrl('https://mcp.example/mcp#top').href).toBe('https://mcp.example/mcp')
})
