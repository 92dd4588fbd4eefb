// Which upstreams a caller is told of: those of which rules may allow something to this caller.
import { expect, test } from 'vitest'
import { answerOf, eras, requestOf, startMcpServer } from '../../harness/mcp-server.ts'
import { createPinnedFile, startChangingServer } from '../harness/changing-server.ts'
import { pinnedRulesOf, rulesOf } from '../harness/rules.ts'
import { mayUse } from './reach.ts'
import type { RuleCaller } from './rules.ts'

const endpoint = 'https://mcp.example.com/mcp'
const scopes = new Set(['mcp:tools:read', 'mcp:tools:call'])
const person: RuleCaller = { subject: 'github:1', clientId: 'app', scopes }
const member: RuleCaller = { ...person, groups: ['finance'] }
const machine: RuleCaller = { subject: 'robot', clientId: 'robot', scopes }

/** `ledger`: the upstream that is asked about. It denies what no rule names; `github` allows it. */
test.each<[string, readonly string[], readonly RuleCaller[]]>([
  ['no rule is about it', ['{ tools: [docs/*] }'], [person, member, machine]],
  ['a rule allows something to all', ['{ prompts: [ledger/a] }'], [person, member, machine]],
  ['rules deny alone', ['{ tools: [ledger/*], allow: false }'], []],
  ['a rule is about a group', ['{ tools: [ledger/*], groups: [finance] }'], [member]],
  ['a condition is about the caller', [`{ tools: [ledger/*], when: 'caller.kind == "machine"' }`], [machine]],
  ['a condition fails', [`{ tools: [ledger/*], when: 'caller.groups[0] == "finance"' }`], [member]],
  ['arguments decide', [`{ tools: [ledger/*], when: 'args.a == 1' }`], [person, member, machine]],
  ['the name decides', [`{ tools: [ledger/*], when: 'tool == "a"' }`], [person, member, machine]],
  [
    'a scope is missing, which people can be asked for',
    ['{ tools: [ledger/*], scopes: [w] }'],
    [person, member, machine],
  ],
  [
    'an earlier rule denies all that a later one allows',
    [`{ tools: [ledger/*], when: 'caller.kind == "machine"', allow: false }`, '{ tools: [ledger/get_*, ledger/set] }'],
    [person, member],
  ],
  [
    'an earlier rule denies less than a later one allows',
    ['{ tools: [ledger/get_*], allow: false }', '{ tools: [ledger/*] }'],
    [person, member, machine],
  ],
  [
    'an earlier rule denies things of another kind',
    ['{ prompts: [ledger/*], allow: false }', '{ tools: [ledger/*] }'],
    [person, member, machine],
  ],
  [
    'an earlier rule denies by arguments',
    [`{ tools: [ledger/*], when: 'args.a == 1', allow: false }`, '{ tools: [ledger/*] }'],
    [person, member, machine],
  ],
])('%s', (_, rules, told) => {
  const settings = rulesOf(...rules)
  expect(
    [person, member, machine].filter((caller) => mayUse(settings, { upstream: 'ledger', caller, endpoint })),
  ).toEqual(told)
})

test('what no rule names is open by default, unless rules deny all of it', () => {
  const may = (...rules: readonly string[]) =>
    mayUse(rulesOf(...rules), { upstream: 'github', caller: person, endpoint })
  expect(may('{ tools: [github/*], allow: false }')).toBe(true)
  expect(may('{ tools: [github/*], prompts: [github/*], resources: [github/*], allow: false }')).toBe(false)
})

test('annotations may fit', () => {
  const rules = pinnedRulesOf({}, '{ tools: [ledger/*], annotations: { readOnlyHint: true } }')
  expect(mayUse(rules, { upstream: 'ledger', caller: person, endpoint })).toBe(true)
  const denied = pinnedRulesOf({}, '{ tools: [ledger/*], annotations: { readOnlyHint: true }, allow: false }')
  expect(mayUse(denied, { upstream: 'ledger', caller: person, endpoint })).toBe(false)
})

test.each(eras)('instructions and troubles name no upstream of which everything is denied (%s)', async (era) => {
  await using ledger = await startChangingServer()
  await using wiki = await startChangingServer()
  ledger.instructions = 'Ask for the balance first.'
  wiki.instructions = 'Search before you write.'
  wiki.tools = [{ name: 'search', inputSchema: { type: 'object' } }]
  const away = { url: 'http://127.0.0.1:9/mcp' }
  const file = createPinnedFile({
    upstreams: { ledger: { url: ledger.url }, wiki: { url: wiki.url }, vault: away, mail: away },
    rules: [{ tools: ['ledger/*', 'vault/*'], when: 'caller.kind == "machine"' }, { tools: ['wiki/*', 'mail/*'] }],
  })
  await using server = await startMcpServer({ env: file.env })
  const asked = async (method: string, token: Record<string, string>) => {
    const authorization = `Bearer ${await server.sign(token)}`
    const { message, headers } = requestOf(era, method)
    return (await answerOf(await server.post(message, { ...headers, authorization }))).result
  }
  const told = async (token: Record<string, string>) => {
    const client = await server.connect(era, await server.sign(token))
    const { tools } = await asked('tools/list', token)
    const { _meta } = await asked('tools/list', token)
    const said = { instructions: client.getInstructions(), tools: tools.length, troubles: JSON.stringify(_meta) }
    const capabilities = client.getServerCapabilities()
    await client.close()
    return { ...said, capabilities }
  }
  const ofPerson = await told({ sub: 'dev:ada' })
  const ofMachine = await told({ sub: 'robot', client_id: 'robot' })
  expect(ofPerson.instructions).toBe('# wiki\n> Search before you write.')
  expect(ofMachine.instructions).toBe('# ledger\n> Ask for the balance first.\n\n# wiki\n> Search before you write.')
  expect(ofPerson.troubles).toContain('mail')
  expect(ofPerson.troubles).not.toMatch(/vault|ledger/)
  expect(ofMachine.troubles).toMatch(/vault.*mail/)
  // what the endpoint can do is the same for all
  expect(ofPerson.capabilities).toEqual(ofMachine.capabilities)
})
