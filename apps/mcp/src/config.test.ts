import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

test('an empty environment runs on this machine alone, and says which defaults it uses', () => {
  expect(readConfig({})).toEqual({
    inherited: { PATH: undefined, LANG: undefined },
    resource: 'http://localhost:3000/mcp',
    endpoints: [
      {
        resource: 'http://localhost:3000/mcp',
        title: 'Gatehouse MCP server',
        upstreams: ['builtin'],
        scopes: ['mcp:tools:read', 'mcp:tools:call'],
      },
    ],
    identity: { name: 'gatehouse', title: 'Gatehouse MCP server', version: expect.stringMatching(/^\d+\.\d+\.\d+$/) },
    issuer: 'http://localhost:4000',
    jwksUrl: undefined,
    development: true,
    allowedOrigins: [],
    host: 'localhost',
    port: 3000,
    logLevel: 'info',
    trustProxy: [],
    sessions: true,
    fastPaths: true,
    needsSecret: false,
    store: { kind: 'sqlite', folder: resolve('.data') },
    dataDir: resolve('.data'),
    files: [],
    warnings: [],
    developmentDefaults: ['MCP_RESOURCE_URL', 'MCP_ISSUER'],
  })
})

test('an empty variable is one that is not set', () => {
  expect(readConfig({ MCP_RESOURCE_URL: '', PORT: '', TRUST_PROXY: '', MCP_JWKS_URL: '' })).toEqual(readConfig({}))
})

test('a server has the name and the title that it is given, of one line each', () => {
  const names = { MCP_NAME: 'company-tools', MCP_TITLE: 'Company tools · 社内' }
  expect(readConfig(names).identity).toMatchObject({ name: 'company-tools', title: 'Company tools · 社内' })
  const [long, lines] = ['x'.repeat(201), 'two\nlines']
  expect(faultsOf({ MCP_NAME: long, MCP_TITLE: lines })).toEqual([
    'MCP_NAME must be one line of at most 200 characters.',
    'MCP_TITLE must be one line of at most 200 characters.',
  ])
})

test('a public service listens on all addresses', () => {
  const env = { MCP_RESOURCE_URL: 'https://mcp.example.com/mcp', MCP_ISSUER: 'https://auth.example.com' }
  expect(readConfig(env)).toMatchObject({ host: '0.0.0.0', development: false, developmentDefaults: [] })
})

test('an issuer is taken as it is: one with a path or a slash at the end is another issuer', () => {
  const resource = { MCP_RESOURCE_URL: 'https://mcp.example.com/mcp' }
  for (const MCP_ISSUER of ['https://idp.example.com/realms/a', 'https://tenant.example.com/']) {
    expect(readConfig({ ...resource, MCP_ISSUER }).issuer).toBe(MCP_ISSUER)
  }
})

test('pages that may call are of the web, or of an app that has an origin of its own', () => {
  const own = ['https://app.example.com', 'app://obsidian.md', 'tauri://localhost', 'capacitor://localhost:8080']
  expect(readConfig({ MCP_ALLOWED_ORIGINS: own.join(',') }).allowedOrigins).toEqual(own)
  const none = [
    'null',
    'app://',
    'app://Obsidian.md',
    'app://obsidian.md/',
    'file://x',
    'app:obsidian.md',
    'https://A.example',
  ]
  expect(faultsOf({ MCP_ALLOWED_ORIGINS: none.join(',') })).toEqual(
    none.map((origin) => `MCP_ALLOWED_ORIGINS: "${origin}" is no origin, such as https://app.example.com.`),
  )
})

test('every fault is told at once', () => {
  const faults = faultsOf({
    MCP_RESOURCE_URL: 'http://mcp.example.com/mcp',
    MCP_ISSUER: 'auth.example.com',
    MCP_JWKS_URL: '/jwks',
    MCP_ALLOWED_ORIGINS: 'https://ok.example, https://app.example.com/, *',
    PORT: '70000',
    LOG_LEVEL: 'loud',
    TRUST_PROXY: '10.0.0.0/8 10.0.0.2, 10.0.0.0/33, proxy ',
    MCP_SESSIONS: 'perhaps',
    REDIS_URL: 'http://:hunter2@redis:6379',
  })
  expect(faults).toEqual([
    'MCP_RESOURCE_URL must be https unless it is a loopback address.',
    'MCP_ISSUER must be an http or https URL.',
    'MCP_JWKS_URL must be an http or https URL.',
    'MCP_ALLOWED_ORIGINS: "https://app.example.com/" is no origin, such as https://app.example.com.',
    'MCP_ALLOWED_ORIGINS: "*" is no origin, such as https://app.example.com.',
    'PORT must be a port number from 0 to 65535.',
    'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent.',
    'TRUST_PROXY: "10.0.0.0/33" is neither an address nor a CIDR block.',
    'TRUST_PROXY: "proxy" is neither an address nor a CIDR block.',
    'MCP_SESSIONS must be one of on, off.',
    'REDIS_URL must be a redis:// or rediss:// URL.',
  ])
})

test.each([
  ['http://LOCALHOST:3000/mcp', 'http://localhost:3000/mcp'],
  ['https://mcp.example.com:443/mcp', 'https://mcp.example.com/mcp'],
  ['https://mcp.example.com/a/../mcp', 'https://mcp.example.com/mcp'],
])('%s is not its normal form', (value, normal) => {
  const faults = faultsOf({ MCP_RESOURCE_URL: value, MCP_ISSUER: 'http://localhost:4000' })
  expect(faults).toEqual([`MCP_RESOURCE_URL must be in its normal form: did you mean ${normal}?`])
})

test('the normal form of an issuer has the slash that the operator gave it', () => {
  const hint = (MCP_ISSUER: string) => faultsOf({ MCP_RESOURCE_URL: 'http://localhost:3000/mcp', MCP_ISSUER })
  const said = (normal: string) => [`MCP_ISSUER must be in its normal form: did you mean ${normal}?`]
  expect(hint('http://LOCALHOST:4115')).toEqual(said('http://localhost:4115'))
  expect(hint('http://LOCALHOST:4115/')).toEqual(said('http://localhost:4115/'))
  expect(hint('https://login.example.com:443/tenant')).toEqual(
    expect.arrayContaining(said('https://login.example.com/tenant')),
  )
})

test('a path that cannot be served as it stands is a fault of the configuration', () => {
  const faults = (path: string) =>
    faultsOf({ MCP_RESOURCE_URL: `http://localhost:3000${path}`, MCP_ISSUER: 'http://localhost:4000' })
  for (const path of ['/mcp/*', '/*', '/%2A'])
    expect(faults(path)).toEqual([
      'MCP_RESOURCE_URL has a * in its path, which stands for any path: choose another path.',
    ])
  for (const path of ['/%zz', '/%ff'])
    expect(faults(path)).toEqual(['MCP_RESOURCE_URL has a % in its path that encodes nothing: choose another path.'])
  expect(faults('/a%2Fb')).toEqual([expect.stringContaining('encoded in its path, which cannot be told from')])
  for (const path of ['/livez', '/readyz', '/.well-known/mcp', '/.well-known'])
    expect(faults(path)).toEqual([expect.stringContaining('/livez, /readyz, or below /.well-known')])
  for (const path of ['/a%20b/mcp', '/a::b/mcp', '/livez/mcp', '/mcp/.well-known']) expect(faults(path)).toEqual([])
})

test.each(['https://u:p@mcp.example.com/mcp', 'https://mcp.example.com/mcp?a=b', 'https://mcp.example.com/mcp#x'])(
  '%s is no resource',
  (value) =>
    expect(faultsOf({ MCP_RESOURCE_URL: value })).toContain(
      'MCP_RESOURCE_URL must have no user name, query or fragment.',
    ),
)

test('production does not run on defaults', () => {
  expect(faultsOf({ NODE_ENV: 'production' })).toEqual([
    'MCP_RESOURCE_URL must be set in production.',
    'MCP_ISSUER must be set in production.',
  ])
  expect(faultsOf({ MCP_ISSUER: 'https://auth.example.com' })).toEqual(['MCP_RESOURCE_URL must be set in production.'])
})

test('a secret may come from a file, and no message repeats it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-config-'))
  try {
    const [good, empty, wrong] = ['good', 'empty', 'wrong'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(good, 'redis://mcp:hunter2@redis:6379\n')
    writeFileSync(empty, '\n')
    writeFileSync(wrong, 'hunter2')
    expect(readConfig({ REDIS_URL_FILE: good }).store).toEqual({
      kind: 'redis',
      target: { kind: 'single', url: 'redis://mcp:hunter2@redis:6379' },
    })
    expect(faultsOf({ REDIS_URL_FILE: empty })).toEqual([`REDIS_URL_FILE: ${empty} is empty.`])
    expect(faultsOf({ REDIS_URL_FILE: wrong })).toEqual(['REDIS_URL must be a redis:// or rediss:// URL.'])
    expect(faultsOf({ REDIS_URL_FILE: directory })).toEqual([`REDIS_URL_FILE: ${directory} cannot be read (EISDIR).`])
    expect(faultsOf({ REDIS_URL_FILE: good, REDIS_URL: 'redis://redis' })).toEqual([
      'REDIS_URL and REDIS_URL_FILE are both set: set one.',
    ])
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test.each([
  ['off', false],
  ['on', true],
  ['', true],
])('MCP_SESSIONS=%s', (value, sessions) => expect(readConfig({ MCP_SESSIONS: value }).sessions).toBe(sessions))

test('Redis may be behind Sentinels or a cluster; its faults are told with the others, without a secret', () => {
  const sentinels = { REDIS_SENTINELS: 'one,two', REDIS_SENTINEL_MASTER: 'm', REDIS_SENTINEL_USERNAME: 'u' }
  const config = readConfig({ REDIS_URL: 'redis://:hunter2@any/2', REDIS_SENTINEL_PASSWORD: 'hunter3', ...sentinels })
  expect(config.store).toMatchObject({
    kind: 'redis',
    target: {
      kind: 'sentinel',
      master: 'm',
      sentinelUsername: 'u',
      sentinelPassword: 'hunter3',
      password: 'hunter2',
      database: 2,
    },
  })
  expect(readConfig({ REDIS_CLUSTER: 'one' }).store).toMatchObject({ target: { kind: 'cluster' } })
  const faults = faultsOf({ ...sentinels, REDIS_CLUSTER: 'u:hunter2@one', PORT: 'x' })
  expect(faults).toContain('REDIS_SENTINELS and REDIS_CLUSTER are both set: set one.')
  expect(faults).toContain('PORT must be a port number from 0 to 65535.')
  expect(faults.join()).not.toContain('hunter2')
})

test('an IPv6 address may stand in brackets', () => {
  for (const host of ['::1', '[::1]']) expect(readConfig({ HOST: host }).host).toBe('::1')
  expect(readConfig({ HOST: '' }).host).toBe('localhost')
})
