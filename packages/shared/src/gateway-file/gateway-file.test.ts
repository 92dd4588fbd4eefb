import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { arePinsEnforced, gatewayFileSchema, readGatewayFile } from './index.ts'

type Surroundings = NonNullable<Parameters<typeof readGatewayFile>[1]>

const faultsIn = (text: string, surroundings?: Surroundings) =>
  (readGatewayFile(text, surroundings).faults ?? []).map(({ line, column, message }) => `${line}:${column} ${message}`)
const warningsIn = (text: string, surroundings?: Surroundings) => {
  const { faults, warnings } = readGatewayFile(text, surroundings)
  expect(faults).toBeUndefined()
  return warnings.map(({ line, column, message }) => `${line}:${column} ${message}`)
}
const read = (text: string, surroundings?: Surroundings) => {
  const { file, faults } = readGatewayFile(text, surroundings)
  if (!file) throw new Error(JSON.stringify(faults))
  return file
}
/** One upstream, with these lines. */
const upstream = (...lines: string[]) =>
  ['version: 1', 'upstreams:', '  a:', ...lines.map((each) => `    ${each}`)].join('\n')

const whole = `# yaml-language-server: $schema=gatehouse.schema.json
version: 1
endpoints:
  - resource: https://mcp.example.com/mcp
    name: Company tools
    upstreams: [github, docs, builtin]
upstreams:
  github:
    url: https://api.example.com/mcp?key=hunter2
    credential: { kind: header, header: X-Api-Key, value: { file: secrets/github } }
    forwardHeaders: [X-Tenant]
    tools: { only: [get_*], not: [get_secret], rename: { get_acct: get_account }, prefix: auto }
    questions: { sampling: true }
    tls: { ca: { file: /etc/ca.pem } }
    concurrency: 7
    timeouts: { connect: 500ms, call: 1h }
  docs:
    command: [mcp-server-filesystem, /srv/docs]
    cwd: /srv
    env: { LOG: info, DEBUG: { env: DOCS_DEBUG } }
    credential: { kind: env, name: TOKEN, value: { env: DOCS_TOKEN } }
    isolation: session
    processes: { max: 3, idle: 1m }
limits: { parked: 4 }
audit: { to: { file: audit.jsonl } }
`

test('a file is read with its defaults filled in, durations in milliseconds, and secrets where they are', () => {
  expect(warningsIn(whole)).toEqual([])
  const { endpoints, upstreams, parked, audit } = read(whole)
  expect(endpoints).toEqual([
    {
      resource: 'https://mcp.example.com/mcp',
      name: 'Company tools',
      upstreams: ['github', 'docs', 'builtin'],
      groups: [],
    },
  ])
  expect(parked).toBe(4)
  expect(audit).toEqual({ to: { file: 'audit.jsonl' }, arguments: 'names', redact: [], chain: false })
  expect(upstreams).toMatchObject([
    {
      name: 'github',
      transport: 'http',
      url: 'https://api.example.com/mcp?key=hunter2',
      headers: {
        'x-api-key': { kind: 'file', path: 'secrets/github', at: 'upstreams.github.credential.value', line: 10 },
      },
      forwardHeaders: ['x-tenant'],
      isolation: 'caller',
      tools: { only: ['get_*'], not: ['get_secret'], rename: { get_acct: 'get_account' }, prefix: 'auto' },
      questions: { form: true, url: true, roots: true, sampling: true },
      tls: { ca: { kind: 'file', path: '/etc/ca.pem' } },
      concurrency: 7,
      timeouts: { connect: 500, list: 10_000, call: 3_600_000, idle: 120_000 },
    },
    {
      name: 'docs',
      transport: 'stdio',
      command: ['mcp-server-filesystem', '/srv/docs'],
      cwd: '/srv',
      env: {
        LOG: { kind: 'plain', text: 'info' },
        DEBUG: { kind: 'env', name: 'DOCS_DEBUG' },
        TOKEN: { kind: 'env', name: 'DOCS_TOKEN', at: 'upstreams.docs.credential.value' },
      },
      isolation: 'session',
      processes: { max: 3, idle: 60_000, lifetime: 43_200_000 },
      user: undefined,
      concurrency: 50,
    },
  ])
})

test('a file without endpoints says so, and an endpoint without upstreams has all', () => {
  expect(read(upstream('url: http://localhost:9/mcp'))).toMatchObject({ endpoints: undefined, parked: 10 })
  const text = `${upstream('url: http://localhost:9/mcp')}\nendpoints: [{ resource: https://a.example/mcp, name: A }]`
  expect(read(text).endpoints).toMatchObject([{ upstreams: ['a'] }])
})

test('JSON is YAML', () => {
  const json = JSON.stringify({ $schema: './gatehouse.schema.json', version: 1, upstreams: { a: { command: ['x'] } } })
  expect(read(json).upstreams).toMatchObject([{ name: 'a', transport: 'stdio', command: ['x'] }])
})

test('every fault is told at once, each with its place, those between parts of the file too', () => {
  const text = `version: 2
colour: red
endpoints:
  - resource: http://mcp.example.com/mcp
    upstreams: [ledger, docs, docs]
upstreams:
  Docs: { url: https://docs.example.com/mcp }
  docs:
    url: https://ada:hunter2@docs.example.com/mcp?key=hunter3
    timeouts: { call: 5, list: 1w }
    concurrency: 0
  builtin: { command: ls -l }
`
  expect(faultsIn(text)).toEqual([
    '1:10 version: must be 1',
    '2:1 colour: there is no such setting, there are version, endpoints, upstreams, scopes, rules, groups, limits, pins, audit',
    '4:5 endpoints[0].name: is missing: it must be text: put it in quotes',
    '4:15 endpoints[0].resource: must be https unless it is a loopback address',
    '5:17 endpoints[0].upstreams[0]: there is no upstream of this name, there are Docs, docs, builtin',
    '5:31 endpoints[0].upstreams[2]: stands here twice',
    '7:3 upstreams.Docs: a name has at most 20 of a-z, 0-9 and -, and begins with a letter',
    '9:10 upstreams.docs.url: must have no user name or password: a secret goes into credential, as { env: NAME } or { file: path }',
    '10:23 upstreams.docs.timeouts.call: must be a duration with a unit, such as 10s or 5m',
    '10:32 upstreams.docs.timeouts.list: must be a whole number and a unit (ms, s, m, h, d), such as 10s',
    '11:18 upstreams.docs.concurrency: must be a whole number from 1 to 10000',
    '12:3 upstreams.builtin: is the name of the demonstration: choose another',
    '12:23 upstreams.builtin.command: must be a list, the program and its arguments: there is no shell',
  ])
})

test('what is not yet built is a fault, never read and ignored', () => {
  const text = `version: 1
endpoints:
  - { resource: https://a.example/mcp, name: A }
upstreams:
  a: { url: https://up.example/mcp }
  b: { url: https://up.example/b, credential: { kind: connection } }
`
  expect(faultsIn(text).map((each) => each.replace(/^\S+ /, ''))).toEqual([
    'upstreams.b.credential.kind: kind: connection is not yet enforced: take it out',
  ])
})

test('a token of the gateway’s own is described in full, and what is faulty in it has a line and a column', () => {
  const upstream = (text: string) => `version: 1
upstreams:
  a: { url: "https://up.example/mcp?key=x", credential: { kind: client-credentials, ${text} } }
`
  const good = 'issuer: https://idp.example, clientId: gw'
  expect(
    read(upstream(`${good}, privateKey: { file: gw.pem }, scope: "a b", resource: "urn:ledger"`)).upstreams,
  ).toMatchObject([
    {
      credential: 'client-credentials',
      headers: {},
      clientCredentials: {
        issuer: 'https://idp.example',
        clientId: 'gw',
        privateKey: { kind: 'file', path: 'gw.pem', line: 3, at: 'upstreams.a.credential.privateKey' },
        scope: 'a b',
        resource: 'urn:ledger',
      },
    },
  ])
  const issuer = (url: string) => upstream(`issuer: "${url}", clientId: gw, clientSecret: { env: GW }`)
  for (const url of ['http://localhost:4000', 'http://idp:8080/realm', 'http://10.0.0.7', 'http://[fd00::1]/'])
    expect(faultsIn(issuer(url))).toEqual([])
  for (const url of [
    'http://idp.example',
    'http://11.0.0.7',
    'https://u:p@idp.example',
    'https://idp.example?a=1',
    'idp',
  ])
    expect(faultsIn(issuer(url))).toEqual([expect.stringMatching(/^3:93 upstreams\.a\.credential\.issuer: must/)])
  expect(faultsIn(upstream(good))).toEqual([
    '3:57 upstreams.a.credential: needs a clientSecret or a privateKey: write { env: NAME } or { file: path }',
  ])
  expect(faultsIn(upstream(`${good}, clientSecret: { env: A }, privateKey: { env: B }`))).toEqual([
    '3:57 upstreams.a.credential: has a clientSecret and a privateKey: take one away',
  ])
  expect(faultsIn(upstream(`${good}, clientSecret: hunter2, scope: "a  b", tokenUrl: x`)).join()).toMatch(
    /clientSecret: is a secret.*scope: must be scopes.*tokenUrl: there is no such setting, there are kind, issuer, clientId/,
  )
})

test('no upstream is given a token for an endpoint of ours', () => {
  const text = `version: 1
endpoints: [{ resource: https://mcp.example/mcp, name: A }]
upstreams:
  a:
    url: https://up.example/mcp
    credential: { kind: client-credentials, issuer: https://idp.example, clientId: gw, clientSecret: { env: GW }, resource: https://mcp.example/mcp }
`
  expect(faultsIn(text)).toEqual([
    '6:125 upstreams.a.credential.resource: is an endpoint of ours: name the server that the token is for',
  ])
})

test('who calls is told to servers at a url, in a header that is nobody else’s, and on no connection that all share', () => {
  const upstreams = (text: string) => `version: 1
endpoints: [{ resource: https://mcp.example/mcp, name: A }]
upstreams:
  a: ${text}
`
  const remote = (text: string) => upstreams(`{ url: https://up.example/a, ${text} }`)
  const identity = 'identity: { header: Gatehouse-Caller, as: jwt }'
  expect(read(remote(identity)).upstreams).toMatchObject([{ identity: { header: 'gatehouse-caller', as: 'jwt' } }])
  for (const header of [
    'Authorization',
    'Cookie',
    'Host',
    'X-Forwarded-For',
    'Mcp-Name',
    'Proxy-X',
    'TE',
    'Accept',
    'Via',
  ])
    expect(faultsIn(remote(`identity: { header: ${header}, as: subject }`))).toEqual([
      expect.stringMatching(/^4:5\d upstreams\.a\.identity\.header: cannot say who calls/),
    ])
  expect(faultsIn(remote('identity: { header: X-Caller, as: token, sub: x }'))).toEqual([
    '4:69 upstreams.a.identity.as: must be jwt or subject',
    '4:76 upstreams.a.identity.sub: there is no such setting, there are header, as',
  ])
  expect(faultsIn(remote(`${identity}, isolation: shared`))).toEqual([
    '4:95 upstreams.a.isolation: shared and identity exclude each other: what all share is of one caller. Take one away',
  ])
  expect(
    faultsIn(remote(`${identity}, credential: { kind: header, header: gatehouse-caller, value: { env: A } }`)),
  ).toEqual(['4:55 upstreams.a.identity.header: is the header of the credential: take a name of its own'])
  expect(
    faultsIn(`${remote(identity)}  b: { url: https://up.example/b, forwardHeaders: [x-tenant, GATEHOUSE-CALLER] }\n`),
  ).toEqual(['5:62 upstreams.b.forwardHeaders[1]: is a header that says who calls (identity): take it out'])
  expect(faultsIn(upstreams(`{ command: [x], ${identity} }`))).toEqual([
    '4:22 upstreams.a.identity: identity is for servers at a url: a command has no headers that could say who calls',
  ])
})

test('pins are off, warn or are enforced, and the file says which', () => {
  const withPins = (text: string) => `version: 1\nupstreams: { a: { url: https://up.example/mcp } }\n${text}\n`
  expect(read(withPins(''))).toMatchObject({ pins: { mode: 'off' } })
  for (const mode of ['off', 'warn', 'enforce'] as const) {
    const file = read(withPins(`pins: { mode: ${mode} }`))
    expect(file).toMatchObject({ pins: { mode } })
    expect(file && arePinsEnforced(file)).toBe(mode === 'enforce')
  }
  expect([...faultsIn(withPins('pins: {}')), ...faultsIn(withPins('pins: { mode: on, lock: a }'))]).toEqual([
    '3:1 pins.mode: is missing: it must be off, warn or enforce',
    '3:15 pins.mode: must be off, warn or enforce',
    '3:19 pins.lock: there is no such setting, there are mode',
  ])
})

test('where the audit goes is one of three places, and what is faulty in it has a line and a column', () => {
  const audit = (text: string) => `version: 1\nupstreams: { a: { url: https://up.example/mcp } }\naudit: ${text}\n`
  for (const to of ['stdout', '{ file: /var/log/audit.jsonl }', '{ url: "https://logs.example/in?stream=a" }'])
    expect(read(audit(`{ to: ${to}, arguments: values, redact: [iban], chain: true }`)).audit).toMatchObject({
      arguments: 'values',
      redact: ['iban'],
      chain: true,
    })
  expect(faultsIn(audit('{}'))).toEqual([
    '3:1 audit.to: is missing: it must be stdout, { file: path } or { url: https://… }',
  ])
  for (const to of ['syslog', '{}', '{ file: a, url: https://b.example/ }'])
    expect(faultsIn(audit(`{ to: ${to} }`))).toEqual([
      '3:14 audit.to: must be stdout, { file: path } or { url: https://… }',
    ])
  expect(faultsIn(audit('{ to: { file: "" } }'))).toEqual([
    '3:22 audit.to.file: must be one line of text, and not empty',
  ])
  expect(faultsIn(audit('{ to: { url: https://u:p@logs.example/ } }'))).toEqual([
    expect.stringMatching(/^3:21 audit\.to\.url: must have no user name or password/),
  ])
  expect(faultsIn(audit('{ to: stdout, arguments: all, rotate: 1d }'))).toEqual([
    '3:33 audit.arguments: must be none, names or values',
    '3:38 audit.rotate: there is no such setting, there are to, arguments, redact, chain',
  ])
})

test('there may be several endpoints, each at a place of its own, and no upstream is one of them', () => {
  const endpoints = (...resources: readonly string[]) =>
    `version: 1\nendpoints:\n${resources.map((resource) => `  - { resource: ${resource}, name: N }\n`).join('')}`
  const [one, two] = ['https://a.example/mcp', 'https://a.example/ledger']
  const upstreams = (url: string) => `upstreams: { a: { url: ${url} } }\n`
  const fine = endpoints(one, two, 'https://b.example/mcp') + upstreams('https://up.example/mcp')
  expect(faultsIn(fine)).toEqual([])
  const loopback = endpoints('http://localhost/mcp', 'https://localhost/mcp') + upstreams('https://up.example/mcp')
  expect(faultsIn(loopback)).toHaveLength(1)
  const encoded = endpoints(one, 'https://a.example/%6Dcp') + upstreams('https://up.example/mcp')
  expect(faultsIn(encoded)).toHaveLength(1)
  expect(faultsIn(endpoints(one, two, one) + upstreams('https://up.example/mcp'))).toEqual([
    '5:17 endpoints[2].resource: has the host and the path of endpoints[0]: each needs its own',
  ])
  expect(faultsIn(endpoints(one, 'nowhere') + upstreams('https://up.example/mcp'))).toHaveLength(1)
  expect(faultsIn(endpoints(one, two) + upstreams(two))).toEqual([
    '5:24 upstreams.a.url: is an endpoint of ours: name the server that stands behind it',
  ])
})

describe('a secret', () => {
  test('never stands in the file itself', () => {
    const url = 'url: https://up.example/mcp'
    for (const value of ['hunter2', '12345', '{ env: NAME, file: /x }', '{ text: hunter2 }', '[hunter2]']) {
      const [fault, ...others] = faultsIn(upstream(url, `credential: { kind: header, value: ${value} }`))
      expect(fault).toMatch(
        /^5:\d+ upstreams\.a\.credential\.value: is a secret: write \{ env: NAME \} or \{ file: path \}/,
      )
      expect(others).toEqual([])
    }
  })

  test('is in no fault, nor is the query of a URL or a user name in it', () => {
    const planted = 'hunter2'
    const texts = [
      upstream(`url: https://${planted}@up.example/`),
      upstream(`url: ftp://up.example/?${planted}`),
      upstream(`url: https://up.example/?${planted}#${planted}`),
      upstream('url: https://up.example/mcp', `credential: { kind: header, value: ${planted} }`),
      upstream('url: https://up.example/mcp', `credential: "${planted}"`),
      upstream('url: https://up.example/mcp', `timeouts: { call: ${planted} }`),
      upstream(`command: ${planted}`),
      upstream('command: [x]', `env: { A: [${planted}] }`),
      upstream('command: [x]', 'env:', `  A: @${planted}`),
      upstream('command: [x]', `env: { A: "${planted}`),
      upstream('command: [x]', `env: { A: !secret ${planted} }`),
      `{"mcpServers": {"a": {"url": "https://up.example/#${planted}", "headers": {"Host": "${planted}"}}}}`,
      `{"mcpServers": {"a": {"command": "x", "env": {"A": ["${planted}"]}}}}`,
    ]
    for (const text of texts) {
      const faults = faultsIn(text)
      expect(faults, text).not.toEqual([])
      expect(faults.join('\n')).not.toContain(planted)
    }
  })

  test('that stands in env by its name is warned of', () => {
    expect(warningsIn(upstream('command: [x]', 'env: { API_TOKEN: hunter2, LOG: info }'))).toEqual([
      '5:23 upstreams.a.env.API_TOKEN: looks like a secret in plain text: keep it in a variable or in a file of its own',
    ])
  })
})

test('text that is no YAML is told with its place and without itself', () => {
  expect(faultsIn('version: 1\nversion: 1\n')).toEqual(['2:1 this name stands here twice: take one away'])
  expect(faultsIn('version: 1\n\tupstreams: {}\n')[0]).toMatch(/^2:/)
  expect(faultsIn('a: *nobody')).toEqual(['1:1 has an alias without an anchor, or more aliases than can be followed'])
  expect(faultsIn('a: &a [x]\nb: !custom y')).toEqual(['2:4 tags (!…) are not known here: take it away'])
  expect(faultsIn('a: 1\n---\nb: 1')[0]).toContain('a second document begins here')
  expect(faultsIn('')).toEqual(['1:1 must be settings by name'])
})

test('aliases that multiply are not followed', () => {
  const lines = ['l0: &l0 [x, x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 9; level += 1) lines.push(`l${level}: &l${level} [${`*l${level - 1}, `.repeat(10)}]`)
  expect(faultsIn(lines.join('\n'))).toEqual([
    '1:1 has an alias without an anchor, or more aliases than can be followed',
  ])
})

test('an upstream is never one of us', () => {
  const us = { issuer: 'https://auth.example.com', resource: 'http://localhost:3000/mcp' }
  const at = (url: string) => faultsIn(upstream(`url: ${url}`), us)
  for (const url of ['http://localhost:3000/mcp', 'http://127.0.0.1:3000/mcp/', 'http://[::1]:3000/mcp?x=1'])
    expect(at(url)).toEqual([expect.stringContaining('is an endpoint of ours')])
  for (const url of ['https://auth.example.com/', 'https://AUTH.example.com:443', 'https://auth.example.com.'])
    expect(at(url)).toEqual([expect.stringContaining('is the issuer')])
  expect(at('http://localhost:3001/mcp')).toEqual([])
  const endpoint = 'endpoints: [{ resource: https://a.example/mcp, name: A }]\n'
  expect(faultsIn(endpoint + upstream('url: https://a.example/mcp/'))).toEqual([
    expect.stringContaining('upstreams.a.url: is an endpoint of ours'),
  ])
  // what is served is the file's endpoint
  expect(faultsIn(endpoint + upstream('url: http://localhost:3000/mcp'), us)).toEqual([])
})

test('headers of a connection, a proxy, the protocol and credentials are not passed on', () => {
  const names = `authorization Cookie dpop Proxy-Authorization proxy-x host forwarded X-Forwarded-For mcp-session-id Mcp-Name
    connection keep-alive te transfer-encoding upgrade content-length origin user-agent "bad name"`
  for (const name of names.match(/"[^"]+"|\S+/g) ?? [])
    expect(faultsIn(upstream('url: https://up.example/mcp', `forwardHeaders: [${name}]`)), name).toHaveLength(1)
  const own = ['credential: { kind: header, header: X-Key, value: { env: K } }', 'forwardHeaders: [x-key]']
  expect(faultsIn(upstream('url: https://up.example/mcp', ...own))).toEqual([
    '6:22 upstreams.a.forwardHeaders[0]: is the header of the credential: take it out',
  ])
})

test('scopes have names of their own', () => {
  const text = (name: string) => `${upstream('command: [x]')}\nscopes: { "${name}": Words }`
  for (const name of ['mcp:tools:call', 'mcp:x', 'gatehouse:x', 'openid', 'email', 'offline_access', 'two words', ''])
    expect(faultsIn(text(name)), name).toHaveLength(1)
  expect(warningsIn(text('ledger:write'))).toEqual(['5:11 scopes.ledger:write: no rule asks for it: it is not offered'])
  expect(read(text('ledger:write')).scopes).toEqual({ 'ledger:write': 'Words' })
})

test('no switch turns the checks of TLS off', () => {
  const tls = (text: string) => faultsIn(upstream('url: https://up.example/mcp', `tls: ${text}`))
  expect(tls('{ insecure: true }')).toEqual([expect.stringContaining('no switch turns checks off')])
  expect(tls('{ cert: { file: /c } }')).toEqual([expect.stringContaining('cert and key go together')])
})

test('an upstream is at a url or is a command', () => {
  expect(faultsIn(upstream('isolation: shared'))).toEqual([expect.stringContaining('3:3 upstreams.a: needs a url')])
  expect(faultsIn(upstream('url: https://a.example', 'command: [x]'))).toEqual([
    expect.stringContaining('take one away'),
  ])
  expect(
    faultsIn(upstream('command: [x]', 'env: { T: a }', 'credential: { kind: env, name: T, value: { env: X } }')),
  ).toEqual(['6:36 upstreams.a.credential.name: stands in env, too: take one away'])
  expect(faultsIn('version: 1')).toEqual([expect.stringContaining('must name an upstream')])
})

test('the published JSON Schema is that of the definition', () => {
  const published = readFileSync(new URL('../../../../docs/gatehouse.schema.json', import.meta.url), 'utf8')
  expect(JSON.parse(published), 'run node --conditions=gatehouse-source scripts/gateway-schema.mjs').toEqual(
    JSON.parse(JSON.stringify(gatewayFileSchema())),
  )
})

test('the examples of the manual are read without a fault', () => {
  const manual = readFileSync(new URL('../../../../docs/gateway-file.md', import.meta.url), 'utf8')
  const blocks = [...manual.matchAll(/^```(?:yaml|json)\n(.*?)^```/gms)].map(([, block = '']) => block)
  const examples = blocks.filter((block) => /^version: 1$|"mcpServers"/m.test(block))
  expect(examples).toHaveLength(5)
  for (const example of examples) expect(faultsIn(example)).toEqual([])
})
