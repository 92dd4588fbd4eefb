// Each check against a web that is good but for one thing.

import { createTestClock, type TestClock } from '@gatehouse/testing'
import { at, createDoctorWeb, type DoctorWeb, json, page } from '@gatehouse/testing/doctor-web'
import { expect, test } from 'vitest'
import { examine } from '../examine.ts'
import { checks } from './index.ts'

interface World {
  readonly web: DoctorWeb
  readonly clock: TestClock
  start: string
}

type Break = (world: World) => void

/** What is found as well, where one thing cannot be broken alone. */
const besides: Readonly<Record<string, readonly string[]>> = {
  'no-resource-metadata': ['challenge-without-metadata'],
  'no-scopes': ['challenge-without-scope'],
  'no-none': ['no-documents'],
}

const answer = ({ web }: World, what: string, response: () => Response) => void web.answers.set(what, response)
const metadata = [at.inserted, at.root]
const serverMetadata = [at.rfc8414, at.openid, at.onResourceHost]

const breaks: Readonly<Record<string, Break>> = {
  'not-https': (world) => {
    world.start = 'http://mcp.example/mcp'
    const { web } = world
    web.resource.resource = world.start
    web.challenge.resource_metadata = at.inserted.replace('https', 'http')
    for (const [what, handler] of [...web.answers]) web.answers.set(what.replace('https://mcp', 'http://mcp'), handler)
  },
  'unsafe-address': ({ web }) => {
    web.server.device_authorization_endpoint = 'javascript:alert(1)'
  },
  'wrong-host': (world) => {
    answer(world, `POST ${at.mcp}`, () => json({ error: 'use https://other.example/mcp' }, 421))
  },
  'not-found': (world) => {
    answer(world, `POST ${at.mcp}`, () => page(404))
  },
  unavailable: (world) => {
    answer(world, `GET ${at.openid}`, () => page(502))
  },
  redirected: (world) => {
    answer(world, `GET ${at.root}`, () => new Response(null, { status: 302, headers: { location: '/elsewhere' } }))
    answer(world, 'GET https://mcp.example/elsewhere', () => json(world.web.resource))
  },
  slow: ({ web, clock }) => {
    web.onAnswer = (what) => what === `GET ${at.rfc8414}` && clock.elapse(4)
  },
  'no-sign-in': (world) => {
    answer(world, `POST ${at.mcp}`, () => json({ jsonrpc: '2.0', id: 1, result: {} }))
    for (const place of [...metadata, ...serverMetadata]) world.web.answers.delete(`GET ${place}`)
  },
  'no-challenge': (world) => {
    answer(world, `POST ${at.mcp}`, () => json({ jsonrpc: '2.0', id: 1, result: {} }))
  },
  'no-401': (world) => {
    answer(world, `POST ${at.mcp}`, () => json({ error: 'no token' }, 400))
  },
  'no-www-authenticate': (world) => {
    const { web } = world
    const good = web.answers.get(`POST ${at.mcp}`)
    web.answers.set(`POST ${at.mcp}`, (request) =>
      request.headers.has('authorization') && good ? good(request) : json({ error: 'unauthorized' }, 401),
    )
  },
  'challenge-not-bearer': ({ web }) => {
    web.challenge.scheme = 'Basic'
  },
  'challenge-without-metadata': ({ web }) => {
    web.challenge.resource_metadata = undefined
  },
  'challenge-metadata-address': ({ web }) => {
    web.challenge.resource_metadata = '/.well-known/oauth-protected-resource'
  },
  'challenge-metadata-missing': ({ web }) => {
    web.challenge.resource_metadata = 'https://mcp.example/gone'
  },
  'challenge-with-error': ({ web }) => {
    web.challenge.error = 'invalid_token'
  },
  'challenge-without-scope': ({ web }) => {
    web.challenge.scope = undefined
  },
  'late-guard': (world) => {
    const { web } = world
    const good = web.answers.get(`POST ${at.mcp}`)
    web.answers.set(`POST ${at.mcp}`, (request) =>
      request.body.includes('server/discover') || !good ? json({ error: 'unknown method' }, 400) : good(request),
    )
  },
  'bad-token-accepted': (world) => badToken(world, () => json({ jsonrpc: '2.0', id: 1, result: {} })),
  'bad-token-status': (world) => badToken(world, () => json({ error: 'forbidden' }, 403)),
  'bad-token-error': (world) => badToken(world, () => json({}, 401, { 'www-authenticate': 'Bearer' })),
  'html-instead-of-json': (world) => {
    answer(world, `GET ${at.root}`, () => page())
  },
  'not-json': (world) => {
    answer(world, `GET ${at.root}`, () => json(['not', 'an', 'object']))
  },
  'content-type': (world) => {
    const text = () => new Response(JSON.stringify(world.web.resource), { headers: { 'content-type': 'text/plain' } })
    answer(world, `GET ${at.root}`, text)
  },
  'empty-member': ({ web }) => {
    web.server.policy_uri = null
    web.resource.resource_name = ''
  },
  'no-resource-metadata': (world) => {
    world.web.challenge.resource_metadata = undefined
    for (const place of metadata) world.web.answers.delete(`GET ${place}`)
  },
  'only-root': ({ web }) => {
    web.challenge.resource_metadata = at.root
    web.answers.delete(`GET ${at.inserted}`)
  },
  'only-inserted': ({ web }) => {
    web.answers.delete(`GET ${at.root}`)
  },
  'resource-metadata-disagrees': (world) => {
    answer(world, `GET ${at.root}`, () => json({ ...world.web.resource, resource: 'https://mcp.example' }))
  },
  'no-resource': ({ web }) => {
    web.resource.resource = undefined
  },
  'resource-differs': ({ web }) => {
    web.resource.resource = `${at.mcp}/`
  },
  'no-authorization-servers': ({ web }) => {
    web.resource.authorization_servers = []
  },
  'several-authorization-servers': ({ web }) => {
    web.resource.authorization_servers = ['https://auth.example', 'https://other.example']
  },
  'offline-access-in-scopes': ({ web }) => {
    web.resource.scopes_supported = ['read', 'offline_access']
  },
  'no-scopes': ({ web }) => {
    web.challenge.scope = undefined
    web.resource.scopes_supported = undefined
  },
  'token-in-query': ({ web }) => {
    web.resource.bearer_methods_supported = ['header', 'query']
  },
  'no-server-metadata': ({ web }) => {
    for (const place of [at.rfc8414, at.openid]) web.answers.delete(`GET ${place}`)
  },
  'issuer-mismatch': ({ web }) => {
    web.server.issuer = 'https://auth.example/'
  },
  'server-metadata-disagrees': (world) => {
    const other = { ...world.web.server, token_endpoint: 'https://auth.example/other' }
    answer(world, `GET ${at.openid}`, () => json(other))
  },
  'missing-endpoint': ({ web }) => {
    web.server.authorization_endpoint = undefined
  },
  'no-pkce': (world) => {
    const other = { ...world.web.server, code_challenge_methods_supported: ['plain'] }
    answer(world, `GET ${at.openid}`, () => json(other))
  },
  'no-code': ({ web }) => {
    web.server.response_types_supported = ['token']
  },
  'no-none': ({ web }) => {
    web.server.token_endpoint_auth_methods_supported = ['client_secret_basic']
    web.server.client_id_metadata_document_supported = undefined
  },
  'documents-without-none': ({ web }) => {
    web.server.token_endpoint_auth_methods_supported = undefined
  },
  'no-registration': ({ web }) => {
    web.server.client_id_metadata_document_supported = undefined
    web.server.registration_endpoint = undefined
  },
  'no-documents': ({ web }) => {
    web.server.client_id_metadata_document_supported = false
  },
  'no-refresh': ({ web }) => {
    web.server.grant_types_supported = ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code']
  },
  'no-iss': ({ web }) => {
    web.server.authorization_response_iss_parameter_supported = undefined
  },
  'no-device-flow': ({ web }) => {
    web.server.device_authorization_endpoint = undefined
  },
  'device-grant-hidden': ({ web }) => {
    web.server.grant_types_supported = ['authorization_code', 'refresh_token']
  },
  'only-openid': ({ web }) => {
    web.answers.delete(`GET ${at.rfc8414}`)
  },
  'not-on-resource-host': ({ web }) => {
    web.answers.delete(`GET ${at.onResourceHost}`)
  },
  'page-refused': (world) => {
    const { web } = world
    const good = web.answers.get(`POST ${at.mcp}`)
    web.answers.set(`POST ${at.mcp}`, (request) =>
      request.headers.has('origin') || !good ? json({ error: 'forbidden_origin' }, 403) : good(request),
    )
  },
  'preflight-refused': (world) => {
    answer(world, `OPTIONS ${at.mcp}`, () => new Response(null, { status: 401 }))
  },
  'preflight-headers': ({ web }) => {
    web.cors['access-control-allow-headers'] = '*'
  },
  'headers-hidden': ({ web }) => {
    delete web.cors['access-control-expose-headers']
  },
  'answer-hidden': ({ web }) => void web.closedToPages.add(`POST ${at.mcp}`),
  'metadata-hidden': ({ web }) => void web.closedToPages.add(`GET ${at.root}`),
  'endpoint-preflight-refused': ({ web }) => void web.closedToPages.add(`OPTIONS ${at.token}`),
  'credentials-allowed': ({ web }) => {
    web.cors['access-control-allow-origin'] = 'http://localhost:6274'
    web.cors['access-control-allow-credentials'] = 'true'
  },
  'registration-refused': (world) => {
    answer(world, `POST ${at.register}`, () => json({ error: 'invalid_redirect_uri' }, 400))
  },
  'registration-unreadable': (world) => {
    answer(world, `POST ${at.register}`, () => json({ id: 'c1' }, 201))
  },
  'registration-drops-redirects': ({ web }) => {
    web.registration.redirect_uris = ['https://vscode.dev/redirect']
  },
  'registration-with-secret': ({ web }) => {
    web.registration.token_endpoint_auth_method = 'client_secret_basic'
  },
  'registration-without-refresh': ({ web }) => {
    web.registration.grant_types = ['authorization_code']
  },
  'registration-status': (world) => {
    answer(world, `POST ${at.register}`, () => json({ client_id: 'c1' }, 200))
  },
  'token-error-unreadable': (world) => {
    answer(world, `POST ${at.token}`, () => page(400))
  },
  'unknown-client-not-told': (world) => {
    answer(world, `POST ${at.token}`, () => json({ error: 'invalid_grant' }, 400))
  },
}

function badToken({ web }: World, response: () => Response): void {
  const good = web.answers.get(`POST ${at.mcp}`)
  web.answers.set(`POST ${at.mcp}`, (request) =>
    request.headers.has('authorization') || !good ? response() : good(request),
  )
}

async function examineBroken(breakIt: Break) {
  const world: World = { web: createDoctorWeb(), clock: createTestClock(), start: at.mcp }
  breakIt(world)
  const diagnosis = await examine({
    start: new URL(world.start),
    fetch: world.web.fetch,
    lookup: async () => ['93.184.216.34'],
    clock: { now: () => world.clock.now() / 1000 },
    register: 'one',
  })
  return { diagnosis, found: diagnosis.findings.map(({ id }) => id) }
}

test('a server without a fault has no findings, and every client can connect', async () => {
  const { diagnosis } = await examineBroken(() => {})
  expect(diagnosis.findings).toEqual([])
  expect(diagnosis.clients.map(({ name, stoppedBy }) => [name, stoppedBy])).toEqual(
    ['Claude', 'ChatGPT', 'VS Code', 'Cursor', 'Inspector'].map((name) => [name, []]),
  )
})

test('there is a broken server for every check, and every check has a fix and a section', () => {
  expect(Object.keys(breaks).sort()).toEqual(checks.map(({ id }) => id).sort())
  for (const { id, fix, spec } of checks) {
    expect(id).toMatch(/^[a-z0-9-]+$/)
    expect(fix).toMatch(/^[A-Z"].*[.)]$/)
    expect(spec).not.toBe('')
  }
})

for (const { id } of checks) {
  test(`${id} is found where that is wrong, and nothing else`, async () => {
    const { found } = await examineBroken(breaks[id] ?? (() => {}))
    expect([...new Set(found)].sort()).toEqual([id, ...(besides[id] ?? [])].sort())
  })
}
