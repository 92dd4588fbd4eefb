import { expect, test } from 'vitest'
import { readRules } from '../../gateway-config.ts'
import { answerOf } from '../../harness/mcp-server.ts'
import { type Person, people, startCompany } from '../harness/ruled-company.ts'
import { companyRules, noLimits, pinnedRulesOf, rulesOf } from '../harness/rules.ts'
import { gapsIn, idleLimits } from './coverage.ts'
import { explain } from './explain.ts'

test('what is explained is what the gateway does, for all people, tools and arguments', async () => {
  await using company = await startCompany()
  const faults: string[] = []
  const settings = readRules(company.server.file.path, '', faults)
  if (!settings) throw new Error(faults.join())
  const asked = [
    ['ledger', 'transfer', { amount: 1 }],
    ['ledger', 'transfer', { amount: 1001 }],
    ['ledger', 'transfer', { amount: 'x' }],
    ['ledger', 'transfer', {}],
    ['ledger', 'get_account', {}],
    ['ledger', 'delete', {}],
    ['everything', 'echo', { message: 'hi' }],
    ['everything', 'get-sum', { a: 1, b: 2 }],
    ['everything', 'get-env', {}],
  ] as const
  const seen = new Set<string>()
  for (const who of Object.keys(people) as Person[])
    for (const [upstream, tool, args] of asked) {
      const { sub: subject, scope, ...more } = people[who]
      const clientId = 'client_id' in more ? more.client_id : 'test-client'
      const caller = { subject, clientId, scopes: new Set(scope.split(' ')) }
      const told = explain(settings, { upstream, tool, caller, endpoint: undefined, args })
      if (typeof told === 'string') throw new Error(told)
      const call = { name: `${upstream}__${tool}`, arguments: args }
      const response = await company.ask(who, '2026-07-28', 'tools/call', call)
      const challenge = response.headers.get('www-authenticate')
      const answer = response.status === 200 ? await answerOf(response) : undefined
      const done = answer?.result !== undefined ? 'allowed' : response.status === 403 ? 'scopes' : 'denied'
      const { decision } = told
      // who may not call anything is told so before it is said what there is
      const expected = decision.kind === 'denied' && who === 'reader' ? 'scopes' : decision.kind
      expect(done, `${who}: ${upstream}/${tool} ${JSON.stringify(args)}`).toBe(expected)
      if (decision.kind === 'scopes') expect(challenge).toContain(`scope="${decision.scopes.join(' ')}"`)
      seen.add(`${decision.kind} ${'because' in decision ? decision.because : ''}`)
    }
  expect([...seen].toSorted()).toEqual(['allowed ', 'denied error', 'denied unnamed', 'scopes '])
})

test('it is said what was passed over, and why nobody can say', () => {
  const rules = rulesOf(
    '{ tools: [docs/*], when: caller.kind == "machine" }',
    '{ tools: [docs/*], when: args.a == 1 }',
    '{ tools: [docs/*], allow: false }',
  )
  const upstream = { name: 'docs', tools: { only: undefined, not: ['hidden'], rename: {}, prefix: 'never' } }
  const endpoints = [{ resource: 'https://a.example/mcp', name: 'A', upstreams: ['docs'], scopes: [] }]
  const settings = { endpoints, upstreams: [upstream], rules, limits: noLimits, parked: 1 } as never
  const caller = { subject: 'github:1', clientId: 'app', scopes: new Set(['mcp:tools:call']) }
  const ask = (more: object) =>
    explain(settings, { upstream: 'docs', tool: 'x', caller, endpoint: undefined, args: undefined, ...more })
  expect(ask({})).toMatchObject({
    decision: { kind: 'allowed' },
    passed: ['rules[0]'],
    open: ['rules[1]'],
    isListed: true,
  })
  expect(ask({ args: { a: 2 } })).toMatchObject({
    decision: { rule: 'rules[2]' },
    passed: ['rules[0]', 'rules[1]'],
    open: [],
  })
  expect(ask({ upstream: 'nobody' })).toBe('no endpoint serves an upstream called nobody')
  expect(ask({ endpoint: 'https://b.example/' })).toBe(
    'docs does not stand at https://b.example/; it stands at https://a.example/mcp',
  )
  expect(ask({ tool: 'hidden' })).toBe('docs leaves hidden out, by its own tools')
})

test('rules that name nothing, and tools that no rule names, are told', () => {
  const ledger = { upstream: 'ledger', tools: ['transfer', 'get_account'], prompts: undefined }
  const github = { upstream: 'github', tools: ['list', 'read'], prompts: ['review'] }
  const docs = { upstream: 'docs', tools: ['search', ...Array.from({ length: 12 }, (_, n) => `t${n}`)], prompts: ['p'] }
  const wiki = { upstream: 'wiki', tools: ['x'], prompts: [] }
  expect(gapsIn(companyRules(), [ledger, github, docs, wiki])).toEqual([
    'rules[3].tools: github has nothing that fits github/create_*',
    'docs: no rule names these tools, so nobody may use them: t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, and 2 more',
    'docs: no rule names these prompts, so nobody may use them: p',
  ])
})

test('a limit of tools that a server does not have is told, and nothing of a server that nobody knows', () => {
  const rate = { count: 1, per: 's' } as const
  const tools = [
    { upstream: 'ledger', glob: 'trans*', rate },
    { upstream: 'ledger', glob: 'transferr', rate },
    { upstream: 'away', glob: 'x', rate },
    { upstream: 'quiet', glob: 'x', rate },
  ]
  const inventories = [
    { upstream: 'ledger', tools: ['transfer'], prompts: undefined },
    { upstream: 'quiet', tools: undefined, prompts: undefined },
  ]
  expect(idleLimits({ caller: undefined, client: undefined, tools }, inventories)).toEqual([
    'limits.tool: ledger has nothing that fits ledger/transferr',
  ])
})

test('a rule by annotations that no pinned tool has is told, and tools that it leaves to nobody', () => {
  const rules = pinnedRulesOf(
    { 'docs/get': { readOnlyHint: true }, 'docs/put': {}, 'docs/gone': { idempotentHint: true } },
    '{ tools: [docs/*], annotations: { readOnlyHint: true } }',
    '{ tools: [docs/*], annotations: { idempotentHint: true } }',
    '{ tools: [docs/delete_*], annotations: { readOnlyHint: true } }',
  )
  expect(gapsIn(rules, [{ upstream: 'docs', tools: ['get', 'put', 'new'], prompts: undefined }])).toEqual([
    'rules[2].tools: docs has nothing that fits docs/delete_*',
    'rules[1].annotations: docs has no pinned tool that fits docs/* and is so annotated',
    'docs: no rule names these tools, so nobody may use them: put',
  ])
})
