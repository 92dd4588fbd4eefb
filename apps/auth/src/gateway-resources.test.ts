import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'
import { startAuthServer } from './harness/auth-server.ts'
import { askAsDevice } from './harness/flows.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-gateway-resources-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (...lines: readonly string[]) => {
  const GATEHOUSE_CONFIG = join(folder, 'gatehouse.yaml')
  writeFileSync(GATEHOUSE_CONFIG, ['version: 1', ...lines].join('\n'))
  return { GATEHOUSE_CONFIG }
}
function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

const upstreams = [
  'upstreams:',
  '  github: { url: https://api.example.com/mcp, credential: { kind: header, value: { env: NOBODY } } }',
  '  docs: { command: [docs] }',
]
const resource = 'https://mcp.example.com/mcp'
const endpoint = (rest = '') => `endpoints: [{ resource: ${resource}, name: Company tools${rest} }]`

test("the file's endpoints are the resources, with what stands behind them; no secret is resolved", () => {
  const rules = [
    'scopes: { "docs:write": Write }',
    'rules:',
    '  - { tools: [docs/*], when: no CEL, scopes: [docs:write] }',
  ]
  expect(readConfig(write(endpoint(), ...upstreams, ...rules)).resources).toEqual([
    {
      resource,
      name: 'Company tools',
      upstreams: ['github', 'docs'],
      // a condition is for the MCP server to read
      scopes: ['mcp:tools:read', 'mcp:tools:call', 'docs:write'],
      words: { 'docs:write': 'Write' },
      groups: [],
    },
  ])
  const [demonstration] = readConfig(write(endpoint(', upstreams: [builtin]'), ...upstreams)).resources
  expect(demonstration?.scopes).toContain('mcp:tools:notify')
  const elsewhere = readConfig(write(endpoint(', upstreams: [github]'), ...upstreams, ...rules)).resources
  expect(elsewhere[0]?.scopes).toEqual(['mcp:tools:read', 'mcp:tools:call'])
})

test('a file without endpoints leaves the resources to AUTH_RESOURCES, and stands behind one that is alone', () => {
  const one = { resource, name: 'Ours' }
  const read = (resources: readonly object[]) =>
    readConfig({
      ...write(...upstreams, 'rules: [{ tools: [docs/*], scopes: [docs:write] }]'),
      AUTH_RESOURCES: JSON.stringify(resources),
    }).resources
  expect(read([one])).toMatchObject([
    { ...one, upstreams: ['github', 'docs'], scopes: expect.arrayContaining(['docs:write']) },
  ])
  expect(read([one, { ...one, resource: `${resource}2` }]).map((each) => each.upstreams)).toEqual([
    undefined,
    undefined,
  ])
})

test('what is wrong with the file is told here, too, with the other faults', () => {
  const connected = '  c: { url: https://c.example.com/mcp, credential: { kind: connection } }'
  const { GATEHOUSE_CONFIG } = write(endpoint(), ...upstreams, connected)
  expect(faultsOf({ GATEHOUSE_CONFIG, PORT: 'x' }).toSorted()).toEqual([
    `${GATEHOUSE_CONFIG}:6:60 upstreams.c.credential.kind: kind: connection is not yet enforced: take it out.`,
    'PORT must be a port number from 0 to 65535.',
  ])
  expect(faultsOf({ ...write(endpoint(), ...upstreams), AUTH_RESOURCES: '[]', MCP_RESOURCE_URL: resource })).toEqual([
    'AUTH_RESOURCES is set, and GATEHOUSE_CONFIG has endpoints: take one away.',
    'MCP_RESOURCE_URL is set, and GATEHOUSE_CONFIG has endpoints: take one away.',
  ])
  expect(faultsOf(write('upstreams: { a: { url: "http://localhost:4000" } }'))).toEqual([
    expect.stringContaining('upstreams.a.url: is the issuer'),
  ])
  expect(faultsOf({ GATEHOUSE_CONFIG: join(folder, 'none') })).toEqual([
    `GATEHOUSE_CONFIG: ${join(folder, 'none')} cannot be read (ENOENT).`,
  ])
})

test('who approves is told what stands behind the endpoint, and the metadata names the endpoint', async () => {
  await using server = await startAuthServer({ environment: write(endpoint(), ...upstreams) })
  const metadata = await server.get('/.well-known/oauth-authorization-server')
  expect(metadata.json.protected_resources).toEqual([resource])
  const browser = server.openBrowser()
  await browser.enterCode((await askAsDevice(server)).userCode)
  expect((await browser.logIn('ada')).text).toContain('Company tools : github, docs')
  await browser.approve()
  // and so is who looks at it later
  expect((await browser.open('/apps')).text).toContain('Company tools : github, docs')
})
