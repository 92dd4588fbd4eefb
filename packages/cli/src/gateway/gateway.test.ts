import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CommandContext } from '../command.ts'
import { gateway } from './gateway.ts'

/** What the command says of a file, as JSON. */
async function check(content: string, env: Record<string, string> = {}) {
  return run(content, ['check', 'gatehouse.yaml', '--json'], env)
}

async function run(content: string, args: readonly string[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-check-test-'))
  writeFileSync(join(folder, 'gatehouse.yaml'), content)
  let report: unknown
  const notes: string[] = []
  const code = await gateway({
    args,
    env: { PATH: process.env.PATH, ...env },
    terminal: {
      json: (value: unknown) => (report = value),
      note: (line: string) => notes.push(line),
      success: () => undefined,
    },
    signal: new AbortController().signal,
    folder,
    programs: { protect: 'gatehouse protect', client: 'gatehouse' },
  } as unknown as CommandContext)
  return { code, report, notes }
}

async function issuerThatLists(resources: readonly string[]) {
  const server = createServer((_request, response) =>
    response.end(JSON.stringify({ issuer, protected_resources: resources, scopes_supported: ['known'] })),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    issuer,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const [one, two] = ['http://localhost:3000/one', 'http://localhost:3000/two']
const several = `version: 1
endpoints:
  - { resource: ${one}, name: One, upstreams: [builtin] }
  - { resource: ${two}, name: Two, upstreams: [builtin] }
`

test('a file with several endpoints is checked as the services read it', async () => {
  expect(await check(several)).toMatchObject({
    code: 0,
    report: { ok: true, faults: [], warnings: [], problems: [], upstreams: [{ name: 'builtin', ok: true }] },
  })
  const { code, report } = await check(`${several}  - { resource: ${one}, name: Again, upstreams: [builtin] }\n`)
  expect([code, report]).toMatchObject([
    1,
    { faults: [expect.stringContaining('endpoints[2].resource: has the host')] },
  ])
})

test('what a credential lacks is said in words, by what it is; a server that wants to know who calls waits for the gateway', async () => {
  const upstream = createServer((_request, response) => response.writeHead(401).end())
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/mcp`
  await using other = await issuerThatLists([])
  const credential = (issuer: string) =>
    `{ kind: client-credentials, issuer: "${issuer}", clientId: gw, clientSecret: { env: GW_SECRET } }`
  const file = `version: 1
upstreams:
  away: { url: "${at}", credential: ${credential('http://127.0.0.1:9')} }
  other: { url: "${at}", credential: ${credential(`${other.issuer}/`)} }
  plain: { url: "${at}" }
  told: { url: "${at}", identity: { header: x-caller, as: jwt } }
`
  const { code, report } = await check(file, { GW_SECRET: 'planted' })
  const words = (report as { upstreams: { text: string }[] }).upstreams.map(({ text }) => text)
  expect(code).toBe(1)
  expect(report).toMatchObject({ upstreams: [{ ok: false }, { ok: false }, { ok: false }, { ok: true }] })
  expect(words[0]).toMatch(
    /authorization server of its credential, http:\/\/127\.0\.0\.1:9, is unavailable.*see that it runs/,
  )
  expect(words[1]).toMatch(/calls itself by another name than credential\.issuer.*it says "http/)
  expect(words[2]).toMatch(/refuses the gateway's credential/)
  expect(words[3]).toMatch(/wants to be told who calls/)
  expect(words.join()).not.toContain('planted')
  upstream.closeAllConnections()
  await new Promise((resolve) => upstream.close(resolve))
})

test('it is said of a server that it was asked by nobody, where callers are told to it', async () => {
  const seen: unknown[] = []
  const upstream = createServer(async (request, response) => {
    seen.push(request.headers['x-caller'])
    const { id, method } = JSON.parse((await request.toArray()).join('') || '{}')
    if (id === undefined) return void response.writeHead(202).end()
    const described = {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 's', version: '1' },
    }
    const result = method === 'initialize' ? described : { tools: [] }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/mcp`
  const told = 'identity: { header: x-caller, as: subject }'
  const file = `version: 1\nupstreams: { told: { url: "${at}", ${told} }, plain: { url: "${at}" } }\n`
  const { report } = await check(file)
  const [one, other] = (report as { upstreams: { ok: boolean; text: string }[] }).upstreams
  expect(one).toMatchObject({ ok: true, text: expect.stringMatching(/0 tools\. .*without saying who calls/) })
  expect(other?.text).toMatch(/0 tools$/)
  expect(seen.every((value) => value === undefined)).toBe(true)
  upstream.closeAllConnections()
  await new Promise((resolve) => upstream.close(resolve))
})

test('an endpoint that the issuer does not list is a warning, where it is said who that is', async () => {
  await using listing = await issuerThatLists([one])
  const { code, report } = await check(several, { MCP_ISSUER: listing.issuer })
  expect([code, report]).toMatchObject([
    0,
    { warnings: [`The issuer ${listing.issuer} does not list ${two}: it issues no token for it.`] },
  ])
  expect((await check(several, { MCP_ISSUER: 'http://127.0.0.1:9' })).report).toMatchObject({ warnings: [] })
  const plain = 'version: 1\nupstreams: { away: { url: "http://127.0.0.1:9/mcp" } }\n'
  const named = await check(plain, { MCP_ISSUER: listing.issuer, MCP_RESOURCE_URL: two })
  expect(named.report).toMatchObject({ warnings: [expect.stringContaining(`does not list ${two}`)] })
  expect((await check(plain, { MCP_ISSUER: listing.issuer })).report).toMatchObject({ warnings: [] })
})

const ruled = `version: 1
endpoints:
  - { resource: ${one}, name: One, upstreams: [builtin] }
upstreams: { ledger: { url: "http://127.0.0.1:9/mcp", credential: { kind: header, value: { env: NOT_HERE } } } }
rules:
  - { tools: [builtin/greet], when: 'args.name != "Eve"', scopes: [known] }
  - { tools: [builtin/nothing], scopes: [strange] }
  - { tools: [builtin/nothing] }
`

test('what rules and servers do not know of each other is told', async () => {
  await using listing = await issuerThatLists([one])
  const { code, report } = await check(ruled.replace(/^upstreams.*\n/m, ''), { MCP_ISSUER: listing.issuer })
  expect(code).toBe(1)
  const { warnings, problems } = report as { readonly warnings: string[]; readonly problems: string[] }
  expect(problems).toEqual([
    'rules[1].tools: builtin has nothing that fits builtin/nothing',
    'rules[2].tools: builtin has nothing that fits builtin/nothing',
    expect.stringMatching(/^builtin: no rule names these tools, so nobody may use them: (?!greet)/),
  ])
  expect(warnings).toEqual(
    expect.arrayContaining([
      expect.stringContaining('rules[2]: can never decide'),
      `The issuer ${listing.issuer} does not offer the scope strange: nobody can get it.`,
    ]),
  )
  const open = await check(
    `${several.replace(', upstreams: [builtin] }', ' }')}upstreams: { away: { command: ["true"] } }\nrules: [{ tools: [builtin/*] }]`,
  )
  expect(open.report).toMatchObject({
    warnings: expect.arrayContaining([
      'No rule is about away: everybody who has mcp:tools:call may call all of its tools.',
    ]),
  })
  expect((await check(ruled.replace('!= "Eve"', '!= Eve'))).report).toMatchObject({
    faults: expect.arrayContaining([expect.stringMatching(/:6:37 rules\[0\]\.when: there is no Eve/)]),
  })
})

test('which rule decides is explained without a secret and without a server', async () => {
  const explain = (...args: readonly string[]) => run(ruled, ['explain', ...args, '--file', 'gatehouse.yaml', '--json'])
  const scopes = ['--scopes', 'mcp:tools:call known']
  expect(await explain('builtin/greet', '--as', 'github:123')).toMatchObject({
    code: 1,
    report: { decision: { kind: 'scopes', rule: 'rules[0]' }, missing: ['known'], open: ['rules[0]'], kind: 'person' },
  })
  expect(await explain('builtin/greet', '--as', 'github:123', ...scopes, '--args', '{"name":"Ada"}')).toMatchObject({
    code: 0,
    report: { decision: { kind: 'allowed' }, when: 'args.name != "Eve"', isListed: true },
  })
  expect(await explain('builtin/greet', '--client', 'robot', ...scopes, '--args', '{"name":"Eve"}')).toMatchObject({
    code: 1,
    report: { decision: { kind: 'denied', because: 'unnamed' }, kind: 'machine', passed: ['rules[0]'] },
  })
  await expect(explain('ledger/x', '--as', 'github:123')).rejects.toThrow(
    'no endpoint serves an upstream called ledger',
  )
  for (const wrong of [
    [],
    ['builtin/greet'],
    ['builtin/greet', '--as', 'a', '--args', 'x'],
    ['builtin/greet', '--odd'],
  ])
    await expect(explain(...wrong)).rejects.toMatchObject({ code: 'usage' })
})

test('limits are explained with what they count, and one that names nothing is told', async () => {
  const limits = 'limits: { caller: 600/min, client: 5/s, tool: { "builtin/gr*": 10/min, builtin/nothing: 1/h } }\n'
  const file = `${several}${limits}`
  const args = ['explain', 'builtin/greet', '--as', 'github:123', '--file', 'gatehouse.yaml']
  const expected = [
    { name: 'limits.tool builtin/gr*', rate: '10/min' },
    { name: 'limits.caller', rate: '600/min' },
    { name: 'limits.client', rate: '5/s' },
  ]
  const json = await run(file, [...args, '--json'])
  expect((json.report as { readonly limits: unknown }).limits).toEqual(expected)
  expect((await run(several, [...args, '--json'])).report).toMatchObject({ limits: [] })
  const { notes } = await run(file, args)
  expect(notes).toEqual(
    expect.arrayContaining([
      'Limited to 10/min for each caller (limits.tool builtin/gr*).',
      'Limited to 600/min for each caller (limits.caller).',
      'Limited to 5/s for all who use the app (limits.client).',
    ]),
  )
  expect((await check(file)).report).toMatchObject({
    problems: ['limits.tool: builtin has nothing that fits builtin/nothing'],
  })
})

test('groups that somebody is in are said, too', async () => {
  const [head] = ruled.split('rules:')
  const groups = 'groups: { finance: [github-org:acme] }\nrules: [{ tools: [builtin/greet], groups: [finance] }]\n'
  const file = `${head}${groups}`
  const args = ['explain', 'builtin/greet', '--as', 'github:123', '--file', 'gatehouse.yaml', '--json']
  expect(await run(file, args)).toMatchObject({ code: 1, report: { passed: ['rules[0]'], isListed: false } })
  expect(await run(file, [...args, '--groups', 'staff finance'])).toMatchObject({ code: 0, report: { isListed: true } })
})

test('a tool is found by the name that clients know it by', async () => {
  const plain = ruled.replace(/^upstreams.*\n/m, '')
  const args = ['explain', 'greet', '--as', 'github:123', '--file', 'gatehouse.yaml', '--json']
  expect(await run(plain, args)).toMatchObject({ code: 1, report: { tool: 'builtin/greet', endpoint: one } })
  await expect(run(plain, args.with(1, 'nothing'))).rejects.toThrow('No server that answers has a tool')
})
