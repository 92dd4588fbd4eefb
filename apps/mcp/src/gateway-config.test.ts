import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'
import { withSecret } from './secrets.ts'

let folder = mkdtempSync(join(tmpdir(), 'gatehouse-gateway-config-'))
afterEach(() => {
  rmSync(folder, { recursive: true })
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-gateway-config-'))
})

type Variables = Record<string, string>
const write = (name: string, content: string) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}
const data = () => join(folder, 'data')
const read = (variables: Variables) => readConfig({ DATA_DIR: data(), ...variables })
const withFile = (lines: readonly string[], variables: Variables = {}): Variables => ({
  GATEHOUSE_CONFIG: write('gatehouse.yaml', ['version: 1', ...lines].join('\n')),
  ...variables,
})
function faultsOf(variables: Variables): readonly string[] {
  try {
    read(variables)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

const upstreams = [
  'upstreams:',
  '  ledger: { url: http://ledger.internal:8080/mcp }',
  '  docs: { command: [docs, /srv] }',
]
const endpoints = ['endpoints: [{ resource: https://mcp.example.com/mcp, name: Company tools }]']
const production = { MCP_ISSUER: 'https://auth.example.com', MCP_RESOURCE_URL: 'https://mcp.example.com/mcp' }
const secret = 'fixture-fixture-fixture-fixture-fixture'

test('without a file and an upstream there is no gateway, and no secret is made or asked for', () => {
  expect(read({})).toMatchObject({ gateway: undefined, secrets: undefined, warnings: [] })
  expect(read(production)).toMatchObject({ gateway: undefined, secrets: undefined })
  expect(readdirSync(folder)).toEqual([])
})

test('a file without endpoints stands behind MCP_RESOURCE_URL, with all that it names', () => {
  const { gateway, resource } = read(withFile(upstreams, { MCP_TITLE: 'Our tools' }))
  expect(resource).toBe('http://localhost:3000/mcp')
  expect(gateway?.endpoints).toMatchObject([{ resource, name: 'Our tools', upstreams: ['ledger', 'docs'] }])
  expect(gateway).toMatchObject({
    parked: 10,
    upstreams: [
      { name: 'ledger', transport: 'http', tools: { prefix: 'always' }, timeouts: { call: 600_000 }, headers: {} },
      { name: 'docs', transport: 'stdio', command: ['docs', '/srv'], env: {}, tools: { prefix: 'always' } },
    ],
  })
})

test("the file's endpoint is the resource, has the title, and is all that production asks for", () => {
  const { MCP_ISSUER } = production
  const config = read(withFile([...endpoints, ...upstreams], { MCP_ISSUER, MCP_SECRET: secret }))
  expect(config).toMatchObject({
    resource: 'https://mcp.example.com/mcp',
    identity: { title: 'Company tools' },
    development: false,
    developmentDefaults: [],
  })
  expect(read(withFile(endpoints.concat(upstreams), { MCP_TITLE: 'T' })).identity.title).toBe('T')
})

test('an endpoint has what it names alone, the demonstration too, and one upstream keeps its names', () => {
  const named = (names: string) => [
    `endpoints: [{ resource: http://localhost:3000/mcp, name: A, upstreams: [${names}] }]`,
    ...upstreams,
  ]
  const { gateway, warnings } = read(withFile(named('docs, builtin')))
  expect(gateway?.upstreams.map(({ name, tools }) => [name, tools.prefix])).toEqual([
    ['docs', 'always'],
    ['builtin', 'always'],
  ])
  expect(warnings).toEqual([
    `${join(folder, 'gatehouse.yaml')}:4:3 upstreams.ledger: no endpoint names it: it is not served.`,
  ])
  expect(read(withFile(named('ledger'))).gateway?.upstreams).toMatchObject([
    { name: 'ledger', tools: { prefix: 'never' } },
  ])
  const demonstration = read(withFile(named('builtin')))
  expect(demonstration).toMatchObject({ gateway: { upstreams: [{ transport: 'builtin' }] }, secrets: undefined })
})

test('one place says what is served', () => {
  const path = join(folder, 'gatehouse.yaml')
  const clash = { MCP_RESOURCE_URL: 'http://localhost:3000/mcp', AUTH_RESOURCES: '[]' }
  expect(faultsOf(withFile([...endpoints, ...upstreams], clash))).toEqual([
    'MCP_RESOURCE_URL is set, and GATEHOUSE_CONFIG has endpoints: take one away.',
    'AUTH_RESOURCES is set, and GATEHOUSE_CONFIG has endpoints: take one away.',
  ])
  expect(faultsOf(withFile(upstreams, clash))).toEqual([])
  expect(faultsOf(withFile(upstreams, { MCP_UPSTREAM: 'http://localhost:9/mcp' }))).toEqual([
    'GATEHOUSE_CONFIG and MCP_UPSTREAM are both set: set one.',
  ])
  expect(faultsOf({ GATEHOUSE_CONFIG: join(folder, 'none.yaml') })).toEqual([
    `GATEHOUSE_CONFIG: ${join(folder, 'none.yaml')} cannot be read (ENOENT).`,
  ])
  // which resource it is depends on the file: it is not asked for beside its faults
  const { MCP_ISSUER } = production
  expect(faultsOf(withFile(['colour: red', ...upstreams], { MCP_ISSUER }))).toEqual([
    expect.stringContaining(`${path}:2:1 colour: there is no such setting`),
  ])
})

test('MCP_UPSTREAM is one upstream without a file, with a header if there is one', () => {
  const url = 'https://up.example/mcp?key=k'
  const { gateway, resource } = read({ MCP_UPSTREAM: url, MCP_UPSTREAM_AUTHORIZATION: 'Bearer abc' })
  expect(gateway?.endpoints).toMatchObject([{ resource, name: 'Gatehouse MCP server', upstreams: ['upstream'] }])
  const [upstream] = gateway?.upstreams ?? []
  expect(upstream).toMatchObject({ transport: 'http', url, tools: { prefix: 'never' } })
  if (upstream?.transport !== 'http') throw new Error('not over HTTP')
  expect(upstream.headers.authorization?.()).toBe('Bearer abc')
})

test('a secret in a file is read at each use', () => {
  const MCP_UPSTREAM_AUTHORIZATION_FILE = write('authorization', 'Bearer one\n')
  const header = ({ gateway }: ReturnType<typeof read>) => {
    const [upstream] = gateway?.upstreams ?? []
    return upstream && 'headers' in upstream ? upstream.headers.authorization : undefined
  }
  const credential = 'credential: { kind: header, value: { file: authorization } }'
  const readers = [
    header(read({ MCP_UPSTREAM: 'http://localhost:9/mcp', MCP_UPSTREAM_AUTHORIZATION_FILE })),
    // relative to the file that names it
    header(read(withFile(['upstreams:', `  a: { url: http://localhost:9/mcp, ${credential} }`]))),
  ]
  expect(readers.map((reader) => reader?.())).toEqual(['Bearer one', 'Bearer one'])
  write('authorization', 'Bearer two')
  expect(readers.map((reader) => reader?.())).toEqual(['Bearer two', 'Bearer two'])
  rmSync(MCP_UPSTREAM_AUTHORIZATION_FILE)
  for (const reader of readers) expect(reader).toThrow(/authorization cannot be read \(ENOENT\)$/)
})

test('a secret that is missing, or cannot be what it is for, is a fault with its name and place, and without itself', () => {
  write('empty', '\n')
  write('two-lines', 'hunter2\nhunter3')
  const lines = [
    'upstreams:',
    '  a: { url: http://localhost:9/a, credential: { kind: header, value: { env: NOBODY } } }',
    '  b: { url: http://localhost:9/b, credential: { kind: header, value: { file: none } } }',
    '  c: { url: http://localhost:9/c, credential: { kind: header, value: { file: empty } } }',
    '  d: { url: http://localhost:9/d, credential: { kind: header, value: { file: two-lines } } }',
    '  e: { url: http://localhost:9/e, tls: { ca: { file: ca.pem } } }',
    '  f: { command: [x], env: { A: { env: NOBODY } }, credential: { kind: env, name: B, value: { env: C } } }',
  ]
  const faults = faultsOf(withFile(lines, { C: 'hunter4' }))
  expect(faults.map((fault) => fault.replace(`${folder}/gatehouse.yaml:`, ''))).toEqual([
    '3:70 upstreams.a.credential.value: NOBODY is not set: set it in the environment.',
    '4:70 upstreams.b.credential.value: none cannot be read (ENOENT).',
    '5:70 upstreams.c.credential.value: empty is empty.',
    '6:70 upstreams.d.credential.value: two-lines has a character that no header can have, such as a line break.',
    '7:46 upstreams.e.tls.ca: ca.pem cannot be read (ENOENT).',
    '8:32 upstreams.f.env.A: NOBODY is not set: set it in the environment.',
  ])
  expect(faultsOf({ MCP_UPSTREAM: 'http://localhost:9', MCP_UPSTREAM_AUTHORIZATION: 'a\nb' })).toEqual([
    'MCP_UPSTREAM_AUTHORIZATION has a character that no header can have, such as a line break.',
  ])
})

test('MCP_UPSTREAM is a URL of somebody else, and shown in no fault', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['nowhere?hunter2', 'MCP_UPSTREAM must be an http or https URL, such as https://api.example.com/mcp.'],
    ['https://u:hunter2@up.example/', 'MCP_UPSTREAM must have no user name or password'],
    ['http://127.0.0.1:3000/mcp', 'MCP_UPSTREAM is an endpoint of ours'],
    ['http://localhost:4000/', 'MCP_UPSTREAM is the issuer'],
  ]
  for (const [MCP_UPSTREAM, fault] of cases) {
    const faults = faultsOf({ MCP_UPSTREAM })
    expect(faults).toEqual([expect.stringContaining(fault)])
    expect(faults.join()).not.toContain('hunter2')
  }
  expect(faultsOf({ MCP_UPSTREAM_AUTHORIZATION: 'x' })).toEqual([
    'MCP_UPSTREAM_AUTHORIZATION is set and MCP_UPSTREAM is not: set both, or name a credential in the file.',
  ])
})

test("a client's file is served, with a variable in its secret, and what was mapped is told", () => {
  const servers = { 'My Server': { command: 'run', args: ['${WHERE}'], env: { TOKEN: 'x-${T}' } } }
  const GATEHOUSE_CONFIG = write('mcp.json', JSON.stringify({ mcpServers: servers }))
  const { gateway, warnings } = read({ GATEHOUSE_CONFIG, WHERE: '/srv', T: 'abc' })
  const [upstream] = gateway?.upstreams ?? []
  if (upstream?.transport !== 'stdio') throw new Error('no command')
  expect(upstream).toMatchObject({ name: 'my-server', command: ['run', '/srv'] })
  expect(upstream.env.TOKEN?.()).toBe('x-abc')
  expect(warnings).toEqual([`${GATEHOUSE_CONFIG}:1:16 mcpServers.My Server: is served as my-server.`])
  expect(faultsOf({ GATEHOUSE_CONFIG, WHERE: '/srv' })).toEqual([
    `${GATEHOUSE_CONFIG}:1:80 mcpServers.My Server.env.TOKEN: T is not set: set it in the environment.`,
  ])
})

test('an upstream needs MCP_SECRET in production and where replicas share what is sealed; elsewhere one is made, once, for the owner alone', () => {
  const MCP_UPSTREAM = 'http://localhost:9/mcp'
  const missing = 'MCP_SECRET (or MCP_SECRET_FILE) is missing, which an upstream needs'
  expect(faultsOf({ ...production, MCP_UPSTREAM })).toEqual([expect.stringContaining(missing)])
  const alone = { shared: false }
  expect(() => withSecret(read({ MCP_UPSTREAM }), { shared: true })).toThrow(missing)
  expect(withSecret(read({}), { shared: true }).secrets, 'nothing is sealed').toBeUndefined()
  expect(read({ ...production, MCP_UPSTREAM, MCP_SECRET: secret }).secrets).toEqual([secret])
  const MCP_SECRET_FILE = write('secret', secret)
  const previous = `${secret}-before`
  expect(read({ MCP_UPSTREAM, MCP_SECRET_FILE, MCP_SECRET_PREVIOUS: previous }).secrets).toEqual([secret, previous])

  const { secrets } = withSecret(read({ MCP_UPSTREAM }), alone)
  expect(Buffer.from(secrets?.[0] ?? '', 'base64url')).toHaveLength(32)
  expect(withSecret(read({ MCP_UPSTREAM }), alone).secrets).toEqual(secrets)
  const kept = join(data(), 'mcp.secret')
  expect(statSync(kept).mode & 0o777).toBe(0o600)
  expect(readFileSync(kept, 'utf8').trim()).toBe(secrets?.[0])
})

test('a secret of less than 32 characters is refused, and not shown', () => {
  const faults = faultsOf({ MCP_SECRET: 'hunter2', MCP_SECRET_PREVIOUS: 'hunter3' })
  expect(faults).toHaveLength(2)
  for (const fault of faults) expect(fault).toMatch(/^MCP_SECRET(_PREVIOUS)? is too short: give at least 32 characters/)
  expect(faults.join()).not.toMatch(/hunter/)
})

test('a private key is judged when it is read, and its words are not repeated', () => {
  const lines = (name: string) => [
    'upstreams:',
    '  a:',
    '    url: https://up.example/mcp?key=of-the-url',
    `    credential: { kind: client-credentials, issuer: https://idp.example, clientId: gw, privateKey: { file: ${name} } }`,
  ]
  const pem = (namedCurve: string) =>
    String(generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }))
  write('good.pem', pem('P-256'))
  write('other.pem', pem('P-384'))
  write('bad.pem', 'planted')
  expect(read(withFile(lines('good.pem'))).gateway?.upstreams).toMatchObject([
    { clientCredentials: { clientId: 'gw', resource: 'https://up.example/mcp' } },
  ])
  for (const [name, why] of [
    ['bad.pem', 'is no private key'],
    ['other.pem', 'is of another kind'],
  ] as const)
    expect(faultsOf(withFile(lines(name)))).toEqual([
      expect.stringMatching(new RegExp(`:5:\\d+ upstreams\\.a\\.credential\\.privateKey: ${name} ${why}`)),
    ])
})
