import { matchesGlob } from '@gatehouse/shared/gateway-file'
import { expect, test } from 'vitest'
import { companyRules, pinnedRulesOf, rulesOf } from '../harness/rules.ts'
import { type Decision, isShown, judge, type RuleCaller, type Thing } from './rules.ts'

const endpoint = 'https://mcp.example.com/mcp'
const base = ['mcp:tools:read', 'mcp:tools:call']
const person = (...scopes: readonly string[]): RuleCaller => ({
  subject: 'github:1',
  clientId: 'app',
  scopes: new Set([...base, ...scopes]),
})
const machine: RuleCaller = { subject: 'robot', clientId: 'robot', scopes: new Set([...base, 'ledger:write']) }
const tool = (text: string): Thing => {
  const [upstream = '', name = ''] = text.split('/')
  return { kind: 'tools', upstream, name }
}
const short = (decision: Decision) =>
  decision.kind === 'denied' ? `denied ${decision.because} ${decision.rule}` : `${decision.kind} ${decision.rule}`

const company = companyRules()

test.each<[string, string, RuleCaller, unknown, string, boolean]>([
  ['a person within the limit', 'ledger/transfer', person('ledger:write'), { amount: 1000 }, 'allowed rules[0]', true],
  ['more than the limit', 'ledger/transfer', person('ledger:write'), { amount: 1001 }, 'denied rule rules[2]', true],
  ['without the scope', 'ledger/transfer', person(), { amount: 1 }, 'scopes rules[0]', false],
  ['no amount', 'ledger/transfer', person('ledger:write'), {}, 'denied error rules[0]', true],
  ['an amount in words', 'ledger/transfer', person('ledger:write'), { amount: '1' }, 'denied error rules[0]', true],
  ['arguments that are no object', 'ledger/transfer', person('ledger:write'), 'x', 'denied error rules[0]', true],
  ['a machine', 'ledger/transfer', machine, { amount: 1 }, 'denied rule rules[2]', true],
  ['who reads', 'ledger/get_account', machine, {}, 'allowed rules[1]', true],
  ['the rest of an upstream', 'ledger/delete', person('ledger:write'), {}, 'denied rule rules[2]', false],
  ['what no rule names', 'docs/other', person(), {}, 'denied unnamed undefined', false],
  ['what no rule names, where that is open', 'github/other', person(), {}, 'allowed undefined', true],
  ['an upstream without rules', 'wiki/anything', person(), {}, 'allowed undefined', true],
])('%s', (_, name, caller, args, expected, isListed) => {
  expect(short(judge(company, { thing: tool(name), caller, endpoint, args }).decision)).toBe(expected)
  expect(isShown(company, { thing: tool(name), caller, endpoint })).toBe(isListed)
})

test('all scopes that are missing are named, with those that every request needs', () => {
  const caller = { ...person(), scopes: new Set<string>() }
  expect(judge(company, { thing: tool('github/create_issue'), caller, endpoint, args: {} }).decision).toEqual({
    kind: 'scopes',
    rule: 'rules[3]',
    scopes: ['mcp:tools:call', 'github:write', 'github:create'],
  })
})

test('a rule that names groups is about people in one of them alone', () => {
  const rules = rulesOf(
    '{ tools: [ledger/transfer], groups: [finance, board], when: args.amount <= 1000 }',
    '{ tools: [ledger/transfer, ledger/audit], groups: [board] }',
    '{ tools: [ledger/get_*] }',
    `{ tools: [wiki/*], when: '"staff" in caller.groups' }`,
  )
  const inGroups = (...groups: readonly string[]): RuleCaller => ({ ...person(), groups })
  const judged = (name: string, caller: RuleCaller, args?: unknown) =>
    short(judge(rules, { thing: tool(name), caller, endpoint, args }).decision)
  expect(judged('ledger/transfer', inGroups('finance'), { amount: 1000 })).toBe('allowed rules[0]')
  expect(judged('ledger/transfer', inGroups('finance'), { amount: 1001 })).toBe('denied unnamed undefined')
  expect(judged('ledger/transfer', inGroups('board', 'finance'), { amount: 1001 })).toBe('allowed rules[1]')
  for (const caller of [person(), machine, inGroups('staff', 'Finance', 'financ')]) {
    // not judged, so that it denies nothing by an error either
    expect(judged('ledger/transfer', caller, {})).toBe('denied unnamed undefined')
    expect(judged('ledger/transfer', caller)).toBe('denied unnamed undefined')
    expect(isShown(rules, { thing: tool('ledger/transfer'), caller, endpoint })).toBe(false)
    expect(judged('ledger/get_account', caller, {})).toBe('allowed rules[2]')
  }
  expect(isShown(rules, { thing: tool('ledger/transfer'), caller: inGroups('finance'), endpoint })).toBe(true)
  expect(judged('wiki/page', inGroups('staff'), {})).toBe('allowed rules[3]')
  expect(judged('wiki/page', person(), {})).toBe('denied unnamed undefined')
})

test('rules that ask for arguments are passed over where there are none, and said so', () => {
  const thing = tool('ledger/transfer')
  const { decision, open } = judge(company, { thing, caller: person('ledger:write'), endpoint, args: undefined })
  expect([short(decision), open]).toEqual(['allowed rules[0]', ['rules[0]']])
})

test('annotations are those of the lock, each by itself; what is not said is as the specification has it', () => {
  const pinned = {
    'docs/reads': { readOnlyHint: true },
    'docs/adds': { destructiveHint: false, idempotentHint: true, openWorldHint: false },
    'docs/writes': {},
    'docs/odd': { readOnlyHint: 'true', destructiveHint: null },
    'docs/__proto__': { readOnlyHint: true },
    'wiki/reads': { readOnlyHint: false },
  }
  const named = (annotations: string, more = '') => `{ tools: [docs/*, wiki/*], annotations: ${annotations}${more} }`
  const fitting = (rule: string) => {
    const rules = pinnedRulesOf(pinned, rule)
    return Object.keys(pinned).filter(
      (name) =>
        judge(rules, { thing: tool(name), caller: person(), endpoint, args: {} }).decision.rule !== undefined &&
        isShown(rules, { thing: tool(name), caller: person(), endpoint }),
    )
  }
  expect(fitting(named('{ readOnlyHint: true }'))).toEqual(['docs/reads', 'docs/__proto__'])
  expect(fitting(named('{ readOnlyHint: false }'))).toEqual(['docs/adds', 'docs/writes', 'docs/odd', 'wiki/reads'])
  expect(fitting(named('{ destructiveHint: false }'))).toEqual(['docs/adds'])
  expect(fitting(named('{ readOnlyHint: true, destructiveHint: true }'))).toEqual(['docs/reads', 'docs/__proto__'])
  expect(fitting(named('{ idempotentHint: true }'))).toEqual(['docs/adds'])
  expect(fitting(named('{ openWorldHint: false }'))).toEqual(['docs/adds'])
  expect(fitting(named('{ openWorldHint: true }'))).toHaveLength(5)

  const rules = pinnedRulesOf(
    pinned,
    named('{ destructiveHint: true }', ', groups: [finance], allow: false'),
    named('{ readOnlyHint: true }', ', when: args.a == 1'),
    '{ tools: [docs/*] }',
  )
  const judged = (name: string, caller: RuleCaller, args?: unknown) =>
    judge(rules, { thing: tool(name), caller, endpoint, args })
  expect(short(judged('docs/reads', { ...person(), groups: ['finance'] }, {}).decision)).toBe('denied rule rules[0]')
  expect(short(judged('docs/reads', person(), { a: 1 }).decision)).toBe('allowed rules[1]')
  expect(judged('docs/writes', person(), {})).toMatchObject({ open: [], passed: ['rules[0]', 'rules[1]'] })
  expect(judged('docs/reads', person())).toMatchObject({ open: ['rules[1]'], passed: ['rules[0]'] })
  // nobody reviewed what it says of itself: no later rule lets it through
  expect(short(judged('docs/new', person(), {}).decision)).toBe('denied unpinned rules[1]')
  expect(short(judged('docs/new', person()).decision)).toBe('denied unpinned rules[1]')
  expect(isShown(rules, { thing: tool('docs/new'), caller: person(), endpoint })).toBe(false)
})

test('prompts and resources have rules of their own', () => {
  const rules = rulesOf(
    '{ prompts: [docs/review], scopes: [docs:review] }',
    '{ resources: ["docs/file:///public/*"], when: caller.kind == "person" }',
  )
  const decide = (kind: Thing['kind'], name: string, caller: RuleCaller) =>
    short(judge(rules, { thing: { kind, upstream: 'docs', name }, caller, endpoint, args: {} }).decision)
  const reader = { ...person(), scopes: new Set(['mcp:tools:read']) }
  expect(decide('prompts', 'review', reader)).toBe('scopes rules[0]')
  expect(decide('prompts', 'review', person('docs:review'))).toBe('allowed rules[0]')
  expect(decide('prompts', 'other', person())).toBe('denied unnamed undefined')
  expect(decide('tools', 'review', person('docs:review'))).toBe('denied unnamed undefined')
  expect(decide('resources', 'file:///public/a', reader)).toBe('allowed rules[1]')
  expect(decide('resources', 'file:///public/a', machine)).toBe('denied unnamed undefined')
  expect(decide('resources', 'file:///secret/a', reader)).toBe('denied unnamed undefined')
  for (const name of ['../secret', '%2e%2e/secret', '..%2Fsecret', 'a/./b', '..\\secret', '..'])
    expect(decide('resources', `file:///public/${name}`, reader), name).toBe('denied place rules[1]')
  // what URL parsers leave out before they look for dots
  for (const name of ['.\t./secret', '.\n./secret', '..\r/secret', '%2\te%2e/secret', '.. ', '..\u0000', 'a\u007f'])
    expect(decide('resources', `file:///public/${name}`, reader), JSON.stringify(name)).toBe('denied place rules[1]')
  expect(decide('resources', 'file:///public/a b', reader)).toBe('allowed rules[1]')
  expect(decide('resources', 'file:///public/a..b/.hidden', reader)).toBe('allowed rules[1]')
})

test('a condition that cannot be judged denies, whatever comes after it', () => {
  const rules = rulesOf('{ tools: [docs/*], when: args.a == 1, allow: false }', '{ tools: [docs/*] }')
  const decide = (args: unknown) =>
    short(judge(rules, { thing: tool('docs/x'), caller: person(), endpoint, args }).decision)
  expect(decide({ a: 1 })).toBe('denied rule rules[0]')
  expect(decide({ a: 2 })).toBe('allowed rules[1]')
  expect(decide({})).toBe('denied error rules[0]')
  expect(isShown(rules, { thing: tool('docs/x'), caller: person(), endpoint })).toBe(true)
})

/** Numbers that are the same each time. */
function createDice(seed: number) {
  let state = seed
  return (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
}

test('over generated rules and callers: what is listed may be called, but for rules that ask for arguments', () => {
  const dice = createDice(14)
  const pick = <Value>(values: readonly Value[]): Value => values[dice(values.length)] as Value
  const globs = ['*', 'get_*', '*_a', 'get_a', 'set_b', 'set_*']
  const names = ['get_a', 'get_b', 'set_a', 'set_b', 'other']
  const conditions = [
    'caller.kind == "person"',
    '"w" in caller.scopes',
    'args.n < 5',
    'args.n == 1 || caller.kind == "machine"',
    'tool.startsWith("get")',
  ]
  const counts = { listed: 0, denied: 0, scopes: 0, open: 0 }
  for (let round = 0; round < 400; round += 1) {
    const lines = Array.from({ length: 1 + dice(5) }, () => {
      const selectors = Array.from({ length: 1 + dice(2) }, () => `${pick(['docs', 'github'])}/${pick(globs)}`)
      const when = dice(2) === 0 ? `, when: '${pick(conditions)}'` : ''
      const end = dice(3) === 0 ? ', allow: false' : dice(3) === 0 ? ', scopes: [w]' : ''
      return `{ tools: [${selectors}]${when}${end} }`
    })
    const rules = rulesOf(...lines)
    for (const upstream of ['docs', 'github', 'wiki'])
      for (const name of names)
        for (const caller of [person(), person('w'), machine]) {
          const thing = tool(`${upstream}/${name}`)
          const asked = { thing, caller, endpoint }
          const { open } = judge(rules, { ...asked, args: undefined })
          const listed = isShown(rules, asked)
          counts.open += open.length > 0 ? 1 : 0
          const all = [{}, { n: 1 }, { n: 9 }, { n: 'x' }].map((args) => judge(rules, { ...asked, args }).decision)
          for (const { kind } of all) {
            if (kind === 'allowed') expect(listed, `${lines}: ${name} may be called and is not listed`).toBe(true)
            if (listed && open.length === 0)
              expect(kind, `${lines}: ${name} is listed and may not be called`).toBe('allowed')
            if (kind !== 'allowed') counts[kind] += 1
          }
          counts.listed += listed ? 1 : 0
          // the first rule that fits decides, told a second time in other words
          const [first] = rules.rules.filter((rule) =>
            rule.tools.some((one) => one.upstream === upstream && matchesGlob(one.glob, name)),
          )
          if (first && !first.condition)
            expect(new Set(all.map(({ rule }) => rule)), lines.join()).toEqual(new Set([first.name]))
        }
  }
  for (const [kind, count] of Object.entries(counts)) expect(count, kind).toBeGreaterThan(100)
})
