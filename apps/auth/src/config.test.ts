import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { verifies } from '@gatehouse/testing'
import { afterAll, expect, test } from 'vitest'
import { type Config, readConfig } from './config.ts'
import { ConfigError } from './errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'gatehouse-config-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const goodSecret = 'q7Jx0vT2mZ9bR4kW8nY1cP5sD3fH6gLa'
const production = {
  AUTH_ISSUER: 'https://auth.example.com',
  AUTH_SECRET: goodSecret,
  GITHUB_CLIENT_ID: 'Iv1.0123456789abcdef',
  GITHUB_CLIENT_SECRET: 'e1b9c4d7a2f5e8b3c6d9a0f1e4b7c2d5',
  ALLOWED_GITHUB_ORGS: 'example',
}

function faultsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

function file(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

test('nothing set is a laptop: loopback, one resource, the developer login', () => {
  const config = readConfig({})
  expect(config).toMatchObject({
    issuer: 'http://localhost:4000',
    production: false,
    host: 'localhost',
    port: 4000,
    logLevel: 'info',
    trustProxy: [],
    secret: undefined,
    clientsFile: undefined,
    store: { kind: 'sqlite', folder: resolve('.data') },
    logins: [{ login: 'developer', explicit: false }],
    resources: [
      {
        resource: 'http://localhost:3000/mcp',
        name: 'Gatehouse MCP server',
        scopes: ['mcp:tools:read', 'mcp:tools:call', 'mcp:tools:notify'],
      },
    ],
  } satisfies Partial<Config>)
  expect(config.lifetimes).toMatchObject({
    accessToken: 600,
    authorizationCode: 60,
    deviceCode: 600,
    deviceInterval: 1,
  })
})

test('whose client documents are fetched is said by bare host names', () => {
  const hosts = 'Claude.ai, bücher.example,localhost,127.0.0.1,[::1],a_b.example'
  expect(readConfig({ AUTH_METADATA_HOSTS_DENIED: hosts }).clientDocuments.denied).toEqual([
    ...['claude.ai', 'xn--bcher-kva.example', 'localhost', '127.0.0.1', '[::1]', 'a_b.example'],
  ])
  const wrong = [
    'https://claude.ai',
    '*.claude.ai',
    'claude.ai:443',
    'claude.ai/',
    '.claude.ai',
    'claude.ai.',
    'a b',
    '::1',
  ]
  for (const name of ['AUTH_METADATA_HOSTS', 'AUTH_METADATA_HOSTS_DENIED', 'AUTH_METADATA_HOSTS_PRIVATE']) {
    for (const entry of [...wrong, 'user@claude.ai', 'claude.ai?x', 'claude.ai#x', 'claude%2eai', 'claude.ai\\x'])
      expect([entry, faultsOf({ [name]: `good.example,${entry}` })]).toEqual([
        entry,
        [
          `${name} takes host names such as app.example.com, without scheme, port, path or wildcard: "${entry}" is not one.`,
        ],
      ])
  }
})

test('an empty variable is one that is not set', () => {
  const names = [
    'AUTH_ISSUER',
    'HOST',
    'PORT',
    'LOG_LEVEL',
    'AUTH_SECRET',
    'AUTH_SECRET_FILE',
    'AUTH_RESOURCES',
    'AUTH_CLIENTS_FILE',
    'AUTH_LIFETIMES',
    'AUTH_DEV_LOGIN',
    'TRUST_PROXY',
    'REDIS_URL',
    'REDIS_SENTINELS',
    'REDIS_SENTINEL_MASTER',
    'REDIS_CLUSTER',
    'GITHUB_CLIENT_ID',
  ]
  expect(readConfig(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readConfig({}))
})

test('every fault is reported at once', () => {
  const faults = faultsOf({
    AUTH_ISSUER: 'http://auth.example.com/path/',
    PORT: '70000',
    LOG_LEVEL: 'loud',
    TRUST_PROXY: '10.0.0.2 10.0.0.0/8,nonsense ',
    AUTH_RESOURCES: '[{"resource":"mcp","name":""}]',
    AUTH_LIFETIMES: '{"accessToken":0,"unknown":1}',
    AUTH_DEV_LOGIN: 'perhaps',
    AUTH_SECRET: 'short',
    AUTH_SECRET_PREVIOUS_FILE: '/nowhere/secret',
    GITHUB_CLIENT_SECRET: 'x',
  })
  for (const name of [
    'AUTH_ISSUER must be an origin alone',
    'AUTH_ISSUER must be https',
    'PORT',
    'LOG_LEVEL',
    'TRUST_PROXY: "nonsense"',
    'AUTH_RESOURCES at 0.resource',
    'AUTH_RESOURCES at 0.name',
    'AUTH_LIFETIMES at accessToken',
    'AUTH_LIFETIMES: ',
    'AUTH_DEV_LOGIN',
    'AUTH_SECRET is too short',
    'AUTH_SECRET_PREVIOUS_FILE: /nowhere/secret cannot be read (ENOENT)',
    'GITHUB_CLIENT_SECRET',
    'No login is configured',
  ]) {
    expect(faults).toContainEqual(expect.stringContaining(name))
  }
})

verifies('J3', 'production does not start on a missing, short or sample secret, and never says what it was', () => {
  expect(faultsOf(production)).toEqual([])
  const { AUTH_SECRET: _secret, ...rest } = production
  expect(faultsOf(rest)).toEqual([expect.stringContaining('AUTH_SECRET (or AUTH_SECRET_FILE) is missing')])
  for (const secret of [
    'tiny',
    'x'.repeat(31),
    'change-me-change-me-change-me-change-me',
    'this-is-an-example-value-for-you-0123',
    'a'.repeat(64),
    'ababababababababababababababababab',
    'my very long secret for production 01',
  ]) {
    const faults = faultsOf({ ...production, AUTH_SECRET: secret })
    expect([secret, faults]).toEqual([
      secret,
      [expect.stringMatching(/^AUTH_SECRET (is too short|looks like a sample)/)],
    ])
    expect(faults.join()).not.toContain(secret)
  }
})

verifies('J3', 'production is what is not loopback, or says so', () => {
  expect(readConfig(production)).toMatchObject({ production: true, logins: [{ login: 'github' }] })
  expect(faultsOf({ NODE_ENV: 'production' })).toEqual([
    expect.stringContaining('AUTH_SECRET'),
    expect.stringContaining('No login is configured'),
  ])
  for (const issuer of ['http://localhost:4000', 'http://127.0.0.1:4000', 'http://[::1]:4000'])
    expect(readConfig({ AUTH_ISSUER: issuer }).production).toBe(false)
})

test('an issuer is an origin, byte for byte', () => {
  for (const issuer of [
    'https://auth.example.com/',
    'https://auth.example.com/path',
    'https://auth.example.com?x',
    'https://AUTH.example.com',
    'https://auth.example.com:443',
    'https://u@auth.example.com',
  ]) {
    expect([issuer, faultsOf({ ...production, AUTH_ISSUER: issuer })]).toEqual([
      issuer,
      [expect.stringContaining('did you mean https://auth.example.com?')],
    ])
  }
  expect(faultsOf({ ...production, AUTH_ISSUER: 'http://auth.example.com' })).toEqual([
    expect.stringContaining('must be https'),
  ])
  for (const issuer of ['auth.example.com', 'ftp://auth.example.com'])
    expect(faultsOf({ AUTH_ISSUER: issuer })).toEqual([expect.stringContaining('must be a URL')])
})

verifies(
  'N2',
  'the developer login is on by itself for loopback alone, and by name for a loopback issuer alone',
  () => {
    const login = (environment: Readonly<Record<string, string>>) => readConfig(environment).logins
    const [on, explicit] = [false, true].map((byName) => [{ login: 'developer', explicit: byName }])
    expect(login({})).toEqual(on)
    for (const host of ['localhost', '127.0.0.1', '::1', '[::1]']) expect(login({ HOST: host })).toEqual(on)
    for (const host of ['0.0.0.0', '::', '192.168.1.7', 'example.com']) {
      expect(login({ HOST: host })).toEqual([])
      expect(login({ HOST: host, AUTH_DEV_LOGIN: 'true' })).toEqual(explicit)
    }
    expect(login({ AUTH_DEV_LOGIN: 'false' })).toEqual([])
    expect(faultsOf({ ...production, AUTH_DEV_LOGIN: 'true' })).toEqual([
      expect.stringContaining('AUTH_DEV_LOGIN lets everybody in'),
    ])
  },
)

test('a login that lets everybody in has to be meant', () => {
  const { ALLOWED_GITHUB_ORGS: _organisations, ...open } = production
  expect(faultsOf(open)).toEqual([expect.stringContaining('ALLOW_ANYONE=true')])
  expect(faultsOf({ ...open, ALLOW_ANYONE: 'true' })).toEqual([])
  expect(faultsOf({ ...open, ALLOW_ANYONE: 'yes' })).toHaveLength(1)
  const { GITHUB_CLIENT_SECRET: _, ...relayAlone } = open as Record<string, string>
  expect(faultsOf(relayAlone), 'the relay lets people in, too').toEqual([expect.stringContaining('ALLOW_ANYONE=true')])
})

test('a secret may be in a file, in one place only, and is trimmed', () => {
  expect(readConfig({ AUTH_SECRET_FILE: file('secret', `${goodSecret}\n`) }).secret).toBe(goodSecret)
  expect(faultsOf({ AUTH_SECRET: goodSecret, AUTH_SECRET_FILE: file('secret', goodSecret) })).toEqual([
    'AUTH_SECRET and AUTH_SECRET_FILE are both set: set one.',
  ])
  expect(faultsOf({ AUTH_SECRET_FILE: file('empty', '\n') })).toEqual([expect.stringContaining('is empty')])
  expect(faultsOf({ AUTH_SECRET_FILE: directory })).toEqual([expect.stringContaining('cannot be read (EISDIR)')])
})

test('resources may be in the variable or in a file', () => {
  const resources = [{ resource: 'https://mcp.example.com/mcp', name: 'Ours', scopes: ['a:b'] }]
  expect(readConfig({ AUTH_RESOURCES: JSON.stringify(resources) }).resources).toEqual(resources)
  expect(readConfig({ AUTH_RESOURCES: file('resources.json', JSON.stringify(resources)) }).resources).toEqual(resources)
  for (const path of ['', '/', '/a%20b/mcp', '/a::b/mcp', '/projects/p1:mcp', '/v1?tenant=a']) {
    const alone = [{ resource: `https://mcp.example.com${path}`, name: 'Ours', scopes: ['a:b'] }]
    expect(readConfig({ AUTH_RESOURCES: JSON.stringify(alone) }).resources).toEqual(alone)
  }
  for (const [value, reason] of [
    ['[]', 'AUTH_RESOURCES'],
    ['[{"resource":"https://a.example/mcp#x","name":"A"}]', 'must not have a fragment'],
    ['[{"resource":"ftp://a.example/","name":"A"}]', 'AUTH_RESOURCES at 0.resource'],
    ['[{"resource":"https://a.example/","name":"A","scopes":["a b"]}]', 'must be an RFC 6749 scope token'],
    ['[{"resource":"https://a.example/","name":"A","scope":"a"}]', 'AUTH_RESOURCES at 0'],
    ['[{"resource":"https://a.example/","name":"A"},{"resource":"https://a.example/","name":"B"}]', 'twice'],
    ['[{"resource":"https://a.example/","name":"A"},{"resource":"https://a.example","name":"B"}]', 'twice'],
    ['[{"resource":"https://a.example/a b/mcp","name":"A"}]', 'did you mean https://a.example/a%20b/mcp?'],
    ['[{"resource":"https://a.example/münchen/mcp","name":"A"}]', 'did you mean https://a.example/m%C3%BCnchen/mcp?'],
    ['[{"resource":"https://A.example","name":"A"}]', 'did you mean https://a.example?'],
    ['[{', 'AUTH_RESOURCES is not JSON'],
    ['/nowhere.json', 'cannot be read (ENOENT)'],
  ] as const) {
    expect([value, faultsOf({ AUTH_RESOURCES: value })]).toEqual([value, [expect.stringContaining(reason)]])
  }
})

verifies(['T14', 'D3', 'S15'], 'no setting makes codes or access tokens live longer than is promised', () => {
  for (const [name, most] of [
    ['authorizationCode', 60],
    ['deviceCode', 600],
    ['accessToken', 600],
  ] as const) {
    expect(readConfig({}).lifetimes[name]).toBe(most)
    expect(faultsOf({ AUTH_LIFETIMES: JSON.stringify({ [name]: most }) })).toEqual([])
    const faults = faultsOf({ AUTH_LIFETIMES: JSON.stringify({ [name]: most + 1 }) })
    expect(faults).toEqual([expect.stringContaining(`AUTH_LIFETIMES at ${name}`)])
  }
})

test('a poll is held for as many seconds as it is said, and the interval fills them up to five', () => {
  const read = (value?: string) => {
    const { hold, lifetimes } = readConfig(value === undefined ? {} : { AUTH_HOLD_SECONDS: value })
    return [hold, lifetimes.deviceInterval]
  }
  expect([read(), read('0'), read('1.5'), read('30')]).toEqual([
    [4.5, 1],
    [0, 5],
    [1.5, 4],
    [30, 1],
  ])
  for (const value of ['31', '-1', '4,5', 'off', '1e1', 'NaN'])
    expect(faultsOf({ AUTH_HOLD_SECONDS: value })).toEqual([
      'AUTH_HOLD_SECONDS must be a number of seconds from 0 to 30.',
    ])
})

test('lifetimes are overridden by name, within their bounds', () => {
  expect(readConfig({ AUTH_LIFETIMES: '{"deviceCode":30,"deviceInterval":1}' }).lifetimes).toMatchObject({
    deviceCode: 30,
    deviceInterval: 1,
    accessToken: 600,
  })
  for (const value of [
    '{"accessToken":3601}',
    '{"deviceCode":1801}',
    '{"signingKey":9}',
    '{"keySet":3601}',
    '{"session":"1d"}',
    '{"refreshToken":1.5}',
    '{"nonsense":1}',
    '[]',
    'x',
  ]) {
    expect([value, faultsOf({ AUTH_LIFETIMES: value }).length]).toEqual([value, 1])
  }
})

test('the allow-lists are compared in lower case and in punycode', () => {
  const { admission } = readConfig({
    ...production,
    ALLOWED_GITHUB_USERS: ' Ada , ada,Bob ',
    ALLOWED_EMAIL_DOMAINS: '@Example.COM,bücher.example',
  })
  expect(admission).toEqual({
    githubUsers: ['ada', 'bob'],
    organisations: ['example'],
    emailDomains: ['example.com', 'xn--bcher-kva.example'],
    groups: [],
  })
  for (const domains of ['*.example.com', 'example', 'a@b.example', '.']) {
    expect([domains, faultsOf({ ...production, ALLOWED_EMAIL_DOMAINS: domains }).length]).toEqual([domains, 1])
  }
  expect(faultsOf({ ALLOWED_GITHUB_USERS: 'ada' })).toEqual([expect.stringContaining('without a login')])
})

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
  expect(readConfig({ HOST: '[::]' }).host).toBe('::')
})
