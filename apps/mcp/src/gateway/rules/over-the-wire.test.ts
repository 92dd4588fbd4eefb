// The rules as callers meet them, in front of two servers: one that writes down what it is asked, and the reference server.
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { startWithFile } from '../../harness/gateway-file.ts'
import { answerOf, eras, requestOf } from '../../harness/mcp-server.ts'
import { startFixture } from '../harness/fixture-upstream.ts'
import { ledgerTools, startLedgerServer } from '../harness/ledger-server.ts'
import { type Person, people, startCompany } from '../harness/ruled-company.ts'
import type { Json } from '../upstreams/contract.ts'

const namesIn = async (response: Response, kind: string, by = 'name') =>
  ((await answerOf(response)).result[kind] as Json[]).map((item) => item[by])

test.each(eras)('what is listed may be called, and what is denied never reaches a server (%s)', async (era) => {
  await using company = await startCompany()
  const { ask, ledger } = company
  const listed: Record<Person, readonly string[]> = {
    ada: ['ledger__get_account', 'everything__echo', 'everything__get-sum'],
    bob: ['ledger__transfer', 'ledger__get_account', 'everything__echo'],
    robot: ['ledger__transfer', 'ledger__get_account', 'everything__echo'],
    reader: ['ledger__get_account', 'everything__echo', 'everything__get-sum'],
  }
  const denied: Record<Person, readonly string[]> = { ada: [], bob: [], robot: ['ledger__transfer'], reader: [] }
  for (const who of Object.keys(people) as Person[]) {
    expect(await namesIn(await ask(who, era, 'tools/list'), 'tools'), who).toEqual(listed[who])
    if (who === 'reader') continue
    for (const name of [...ledgerTools.map((tool) => `ledger__${tool}`), 'everything__echo', 'everything__get-sum']) {
      const before = ledger.asked.length
      const args = { amount: 1, message: 'hi', a: 1, b: 2 }
      const response = await ask(who, era, 'tools/call', { name, arguments: args })
      const answer = response.status === 200 ? await answerOf(response) : undefined
      const isDone = answer?.result !== undefined && answer.result.isError !== true
      // a rule that asks for arguments is not judged when listing
      expect(isDone, `${who}: ${name}`).toBe(listed[who].includes(name) && !denied[who].includes(name))
      expect(ledger.asked.length > before, `${who}: ${name}`).toBe(isDone && name.startsWith('ledger'))
    }
  }
})

test.each(eras)('the answer to what is denied is that to what is not there (%s)', async (era) => {
  await using company = await startCompany()
  const { ask, ledger } = company
  const told = async (method: string, params: Record<string, unknown>, name: string) => {
    const response = await ask('bob', era, method, params)
    return { status: response.status, body: (await response.text()).replaceAll(name, 'NAME') }
  }
  for (const [method, there, missing] of [
    ['tools/call', { name: 'ledger__delete' }, { name: 'ledger__nothing' }],
    ['tools/call', { name: 'ledger__transfer', arguments: { amount: 1001 } }, { name: 'ledger__nothing' }],
    ['tools/call', { name: 'ledger__transfer', arguments: {} }, { name: 'ledger__nothing' }],
    ['tools/call', { name: 'ledger__transfer', arguments: { amount: '1' } }, { name: 'ledger__nothing' }],
    ['prompts/get', { name: 'ledger__secret' }, { name: 'ledger__nothing' }],
    ['resources/read', { uri: 'ledger://private/b' }, { uri: 'nothing://private' }],
    ['resources/read', { uri: 'ledger://public/../private/b' }, { uri: 'nothing://private' }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'ledger__secret' } }, { ref: { name: 'ledger__no' } }],
  ] as const) {
    const nameOf = (params: Json) => params.name ?? params.uri ?? params.ref.name
    const more = method === 'completion/complete' ? { argument: { name: 'a', value: '' } } : {}
    const one = await told(method, { ...there, ...more }, nameOf(there))
    expect(one, JSON.stringify(there)).toEqual(await told(method, { ...missing, ...more }, nameOf(missing)))
    expect(one.body).toContain('NAME not found')
  }
  expect(ledger.asked).toEqual([])
})

test.each(eras)('prompts, resources and completion have rules of their own (%s)', async (era) => {
  await using company = await startCompany()
  const { ask, ledger } = company
  expect(await namesIn(await ask('reader', era, 'prompts/list'), 'prompts')).toEqual(['ledger__review'])
  expect(await namesIn(await ask('reader', era, 'resources/list'), 'resources')).toEqual(['a'])
  const templates = await ask('reader', era, 'resources/templates/list')
  expect(await namesIn(templates, 'resourceTemplates')).toEqual(['public'])
  const argument = { name: 'a', value: '' }
  for (const [method, params] of [
    ['prompts/get', { name: 'ledger__review' }],
    ['resources/read', { uri: 'ledger://public/other' }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'ledger__review' }, argument }],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'ledger://public/{name}' }, argument }],
  ] as const)
    expect((await answerOf(await ask('reader', era, method, params))).result, method).toBeDefined()
  expect(ledger.asked).toHaveLength(4)
})

test('where scopes would do, 403 names all of them; the metadata of the endpoint has them, the first challenge does not', async () => {
  await using company = await startCompany()
  const { ask, server, ledger } = company
  const call = { name: 'ledger__transfer', arguments: { amount: 1 } }
  for (const era of eras)
    for (const who of ['ada', 'reader'] as const) {
      const response = await ask(who, era, 'tools/call', call)
      expect(response.status).toBe(403)
      const challenge = response.headers.get('www-authenticate')
      expect(challenge).toContain('error="insufficient_scope"')
      expect(challenge).toContain('scope="mcp:tools:call ledger:write ledger:move"')
    }
  expect(ledger.asked).toEqual([])
  const scopesAt = async (path: string) => {
    const response = await fetch(`${server.origin}/.well-known/oauth-protected-resource${path}`)
    return ((await response.json()) as Json).scopes_supported
  }
  expect(await scopesAt('/mcp')).toEqual(['mcp:tools:read', 'mcp:tools:call', 'ledger:write', 'ledger:move'])
  expect(await scopesAt('/free')).toEqual(['mcp:tools:read', 'mcp:tools:call'])
  const first = await server.post('{}', { authorization: undefined })
  expect(first.headers.get('www-authenticate')).toContain(`scope="mcp:tools:read mcp:tools:call"`)
})

test('what is forwarded is what was judged, written again', async () => {
  await using company = await startCompany()
  const { server, ledger } = company
  const authorization = `Bearer ${await server.sign({ ...people.bob, aud: server.at('/mcp') })}`
  const body = (args: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ledger__transfer","arguments":${args}}}`
  // the last of two members counts, for us and for those who read what we write
  const twice = await server.post(body('{"amount":1,"amount":5000}'), { authorization })
  expect((await answerOf(twice)).error.message).toContain('not found')
  await server.post(body('{"amount":5000,"amount":1,"to":"\\u0061"}'), { authorization })
  expect(ledger.bodies).toHaveLength(1)
  expect(JSON.parse(ledger.bodies[0] ?? '').params.arguments).toEqual({ amount: 1, to: 'a' })
  expect(ledger.bodies[0]).not.toContain('5000')
  const poisoned = await server.post(body('{"amount":1,"__proto__":{"amount":5000}}'), { authorization })
  expect(poisoned.status).toBe(400)
  const one = '{"$typeName":"google.protobuf.Value","kind":{"case":"numberValue","value":1}}'
  const disguised = `{"$typeName":"google.protobuf.Struct","fields":{"amount":${one}},"amount":5000}`
  expect((await answerOf(await server.post(body(disguised), { authorization }))).error?.message).toContain('not found')
  expect(ledger.bodies).toHaveLength(1)
})

test.each(eras)('an argument that is null is there, and what is no object is no arguments (%s)', async (era) => {
  await using company = await startCompany()
  const { ask, ledger } = company
  company.write([
    { tools: ['ledger/transfer'], when: '!("account" in args) && !has(args.account)' },
    { prompts: ['ledger/review'], when: '!has(args.account)' },
  ])
  const transfer = async (args: unknown) => {
    const answer = await answerOf(await ask('ada', era, 'tools/call', { name: 'ledger__transfer', arguments: args }))
    return answer.error ?? 'sent'
  }
  await expect.poll(() => transfer({})).toBe('sent')
  expect(await transfer(null)).toBe('sent')
  expect(await transfer({ account: 'bob' })).toMatchObject({ message: 'Tool ledger__transfer not found' })
  expect(await transfer({ account: null })).toMatchObject({ message: 'Tool ledger__transfer not found' })
  const before = ledger.bodies.length
  for (const args of [[{ account: 'bob' }], [], 'account', 1, false]) {
    const refused = { code: -32_602, message: expect.stringContaining('arguments: expected record, received') }
    expect(await transfer(args), JSON.stringify(args)).toEqual(refused)
    const prompt = await ask('ada', era, 'prompts/get', { name: 'ledger__review', arguments: args })
    expect((await answerOf(prompt)).error, JSON.stringify(args)).toEqual(refused)
  }
  expect(ledger.bodies).toHaveLength(before)
})

test('a URI that parsers read as another one never reaches the one server that there is', async () => {
  await using ledger = await startLedgerServer()
  await using server = await startWithFile({
    endpoints: { '/mcp': ['ledger'] },
    upstreams: { ledger: { url: ledger.url } },
    rules: [{ resources: ['ledger/ledger://public/*'] }],
  })
  const token = await server.sign({ ...people.ada, aud: server.at('/mcp') })
  const uri = 'ledger://public/.\t./private/b'
  expect(new URL(uri).href).toBe('ledger://public/private/b')
  const { message, headers } = requestOf('2025-11-25', 'resources/read', { uri })
  const response = await server.post(message, { ...headers, authorization: `Bearer ${token}` })
  expect((await answerOf(response)).error?.code).toBe(-32_602)
  expect(ledger.asked).toEqual([])
})

test.each(eras)('a rule by groups is for those whose token names one of them (%s)', async (era) => {
  await using ledger = await startLedgerServer()
  await using server = await startWithFile({
    endpoints: { '/mcp': ['ledger'] },
    upstreams: { ledger: { url: ledger.url } },
    groups: { finance: ['github-team:acme/finance'], staff: ['github-org:acme'] },
    rules: [
      { tools: ['ledger/transfer'], groups: ['finance'] },
      { tools: ['ledger/get_*'], when: 'caller.groups.exists(g, g == "staff" || g == "finance")' },
    ],
  })
  const as = async (groups: unknown, method: string, params?: Record<string, unknown>) => {
    const { message, headers } = requestOf(era, method, params)
    const token = await server.sign({ ...people.ada, aud: server.at('/mcp'), ...(groups !== undefined && { groups }) })
    return server.post(message, { ...headers, authorization: `Bearer ${token}` })
  }
  const call = { name: 'transfer', arguments: { amount: 1 } }
  for (const [groups, listed, isMember] of [
    [['finance', 'staff'], ['transfer', 'get_account'], true],
    [['staff'], ['get_account'], false],
    [undefined, [], false],
    ['finance', [], false],
    [[{ name: 'finance' }, ['finance']], [], false],
  ] as const) {
    expect(await namesIn(await as(groups, 'tools/list'), 'tools')).toEqual(listed)
    const { result, error } = await answerOf(await as(groups, 'tools/call', call))
    expect([groups, result !== undefined, error?.code]).toEqual([groups, isMember, isMember ? undefined : -32_602])
  }
  expect(ledger.asked).toHaveLength(1)
})

test('the audit has the rule that decided, and why', async () => {
  const AUDIT_TO = join(mkdtempSync(join(tmpdir(), 'gatehouse-rules-audit-')), 'audit.jsonl')
  await using company = await startCompany({ AUDIT_TO })
  const transfer = (who: Person, args: object) =>
    company.ask(who, '2026-07-28', 'tools/call', { name: 'ledger__transfer', arguments: args }).then(answerOf)
  for (const args of [{ amount: 1 }, { amount: 'one' }, { amount: 1001 }]) await transfer('bob', args)
  await transfer('ada', { amount: 1 })
  const lines = () =>
    readFileSync(AUDIT_TO, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  await expect.poll(() => lines().length).toBe(4)
  const [one, two] = ['rules[0]', 'ledger']
  expect(lines()).toMatchObject([
    { decision: 'allow', rule: one, upstream: two, outcome: 'ok' },
    { decision: 'deny', rule: one, upstream: two, outcome: 'refused', reason: 'rule_failed' },
    { decision: 'deny', upstream: two, outcome: 'refused', reason: 'no_rule' },
    { decision: 'deny', rule: one, outcome: 'refused', reason: 'insufficient_scope' },
  ])
})

test('other rules count from the next request on, and clients hear that lists changed', async () => {
  await using company = await startCompany()
  const { ask, server, write } = company
  const token = await server.sign({ ...people.ada, aud: server.at('/mcp') })
  const client = new Client({ name: 'test', version: '1' })
  const { promise: heard, resolve } = Promise.withResolvers<void>()
  client.setNotificationHandler('notifications/tools/list_changed', () => resolve())
  const authProvider = { token: async () => token }
  await client.connect(new StreamableHTTPClientTransport(new URL(server.at('/mcp')), { authProvider }))
  const call = () => client.callTool({ name: 'everything__echo', arguments: { message: 'hi' } })
  expect((await call()).content).toEqual([{ type: 'text', text: 'Echo: hi' }])
  write([{ tools: ['ledger/*'] }, { tools: ['everything/get-sum'], scopes: ['sums'] }])
  await expect(call()).rejects.toThrow('not found')
  await heard
  const names = (await client.listTools()).tools.map(({ name }) => name)
  expect(names).toEqual(ledgerTools.map((name) => `ledger__${name}`))
  await client.close()
  const summed = await ask('ada', '2026-07-28', 'tools/call', { name: 'everything__get-sum', arguments: {} })
  expect(summed.headers.get('www-authenticate')).toContain('scope="mcp:tools:call sums"')
  write([{ tools: ['ledger/*'], when: 'nobody == 1' }])
  expect(server.log.join()).toContain('rules[0].when: there is no nobody')
  expect((await ask('ada', '2026-07-28', 'tools/list')).status, 'a faulty file changes nothing').toBe(200)
  write([])
  const all = await namesIn(await ask('ada', '2026-07-28', 'tools/list'), 'tools')
  expect(all.length).toBeGreaterThan(10)
})

test('an unknown method passes only where no rule is about the one server', async () => {
  await using ledger = await startLedgerServer()
  const upstreams = { ledger: { url: ledger.url } }
  const endpoints = { '/mcp': ['ledger'] }
  await using server = await startWithFile({ endpoints, upstreams })
  const odd = async () => answerOf(await server.post(requestOf('2025-11-25', 'com.example/odd').message))
  expect((await odd()).result).toEqual({ odd: true })
  const only = [{ tools: ['ledger/get_*'] }]
  server.file.write({ endpoints, upstreams, rules: only })
  server.reload()
  expect((await odd()).error.code).toBe(-32_601)
  server.file.write({ endpoints, upstreams: { ledger: { url: ledger.url, default: 'allow' } }, rules: only })
  server.reload()
  expect((await odd()).result).toEqual({ odd: true })
})

test.each(['http 2025', 'http 2026'] as const)(
  'an answer to a question is judged again, and so is a task by its tool (upstream: %s)',
  async (kind) => {
    await using fixture = await startFixture(kind, {}, 'matrix')
    const { url } = fixture.settings as { url: string } & typeof fixture.settings
    const content = { endpoints: { '/mcp': ['fixture'] }, upstreams: { fixture: { url } } }
    const open = { ...content, rules: [{ tools: ['fixture/ask', 'fixture/task'] }] }
    const shut = { ...content, rules: [{ tools: ['fixture/echo'] }] }
    await using server = await startWithFile(open)
    const change = (to: typeof open) => {
      server.file.write(to)
      server.reload()
    }
    const capabilities = { elicitation: { form: {} }, extensions: { 'io.modelcontextprotocol/tasks': {} } }
    const asked = async (method: string, params: Json) => {
      const { message, headers } = requestOf('2026-07-28', method, params)
      const _meta = {
        ...(message.params as Json)._meta,
        'io.modelcontextprotocol/clientCapabilities': capabilities,
      }
      const named = params.taskId ? { 'mcp-name': params.taskId } : {}
      return answerOf(await server.post({ ...message, params: { ...message.params, _meta } }, { ...headers, ...named }))
    }
    const call = { name: 'ask', arguments: { kind: 'form' } }
    const { result } = await asked('tools/call', call)
    expect(result.resultType).toBe('input_required')
    const [key = ''] = Object.keys(result.inputRequests)
    const answered = {
      ...call,
      requestState: result.requestState,
      inputResponses: { [key]: { action: 'accept', content: { name: 'Ada' } } },
    }
    change(shut)
    expect((await asked('tools/call', answered)).error.message).toContain('not found')
    change(open)
    expect(JSON.stringify((await asked('tools/call', answered)).result)).toContain('Ada')

    if (kind === 'http 2025') return
    const { taskId } = (await asked('tools/call', { name: 'task', arguments: {} })).result
    expect((await asked('tasks/get', { taskId })).result.status).toBe('completed')
    change(shut)
    expect((await asked('tasks/get', { taskId })).error.message).toBe('Task not found')
  },
)
