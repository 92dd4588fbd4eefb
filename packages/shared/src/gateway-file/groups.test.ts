import { expect, test } from 'vitest'
import { groupsOf, readGatewayFile } from './index.ts'

const upstreams = 'upstreams: { ledger: { command: [x] }, docs: { command: [x] } }'
/** A file with these lines from the third on. */
const text = (...lines: readonly string[]) => ['version: 1', upstreams, ...lines].join('\n')
const told = (found: readonly { readonly line: number; readonly column: number; readonly message: string }[] = []) =>
  found.map(({ line, column, message }) => `${line}:${column} ${message}`)
const faultsIn = (...lines: readonly string[]) => told(readGatewayFile(text(...lines)).faults)
const inGroup = (way: string) => faultsIn(`groups: { g: [${JSON.stringify(way)}] }`)

test('groups are read in the order of the file, each way into one with its place', () => {
  const { file } = readGatewayFile(
    text(
      'groups:',
      '  staff: [github-org:Acme, email-domain:bücher.example]',
      '  finance:',
      '    - github-team:ACME/Fin.Ops_2',
      '    - "oidc-group:Partner Ltd./Grüße & Co: /a/b"',
      '    - google-domain:example.com',
    ),
  )
  expect(file?.groups).toEqual([
    {
      name: 'staff',
      members: [
        { kind: 'github-org', organisation: 'acme', at: 'groups.staff[0]', line: 4, column: 11 },
        { kind: 'email-domain', domain: 'bücher.example', at: 'groups.staff[1]', line: 4, column: 28 },
      ],
    },
    {
      name: 'finance',
      members: [
        { kind: 'github-team', organisation: 'acme', team: 'fin.ops_2', at: 'groups.finance[0]', line: 6, column: 7 },
        {
          kind: 'oidc-group',
          label: 'Partner Ltd.',
          group: 'Grüße & Co: /a/b',
          at: 'groups.finance[1]',
          line: 7,
          column: 7,
        },
        { kind: 'google-domain', domain: 'example.com', at: 'groups.finance[2]', line: 8, column: 7 },
      ],
    },
  ])
})

test('what is no group, and what names one that there is not, is a fault with its place', () => {
  expect(
    faultsIn(
      'endpoints: [{ resource: https://a.example/mcp, name: A, groups: [staff, nobody] }]',
      'groups:',
      '  Staff: [github-org:acme]',
      `  ${'a'.repeat(41)}: [github-org:acme]`,
      '  empty: []',
      '  text: github-org:acme',
      '  staff: [github-org:acme, 7, acme]',
      '  twice: [github-org:acme, github-org:acme]',
      'rules:',
      '  - { tools: [ledger/*], groups: [staff, staff, finance] }',
      '  - { tools: [docs/*], groups: [] }',
    ),
  ).toEqual([
    expect.stringMatching(/^3:73 endpoints\[0\]\.groups\[1\]: there is no group of this name, there are Staff, a+,/),
    '5:3 groups.Staff: a name has at most 40 of a-z, 0-9 and -, and begins with a letter',
    expect.stringMatching(/^6:3 groups\.a{41}: a name has at most 40/),
    '7:10 groups.empty: must name somebody: leave the group out',
    '8:9 groups.text: must be a list of ways into the group, such as github-team:acme/finance',
    '9:28 groups.staff[1]: must be text: put it in quotes',
    '9:31 groups.staff[2]: must be one of github-org:…, github-team:…, email-domain:…, oidc-group:…, google-domain:…',
    '10:28 groups.twice[1]: stands here twice',
    '12:42 rules[0].groups[1]: stands here twice',
    expect.stringMatching(/^12:49 rules\[0\]\.groups\[2\]: there is no group of this name/),
    '13:32 rules[1].groups: must name a group: leave it out for everybody',
  ])
  expect(faultsIn('rules: [{ tools: [ledger/*], groups: [finance] }]')).toEqual([
    '3:39 rules[0].groups[0]: there is no group of this name, as there is no group: name it under groups',
  ])
})

test.each([
  ['github-org:', 'github-org:ORG'],
  ['github-org:acme/finance', 'github-org:ORG'],
  ['github-org:*', 'github-org:ORG'],
  ['github-team:finance', 'github-team:ORG/TEAM'],
  ['github-team:acme/..', 'github-team:ORG/TEAM'],
  ['github-team:acme/a/../b', 'github-team:ORG/TEAM'],
  ['github-team:acme/Finance Team', 'github-team:ORG/TEAM'],
  ['github-team:acme/%2e%2e', 'github-team:ORG/TEAM'],
  ['email-domain:example', 'email-domain:example.com'],
  ['email-domain:*.example.com', 'email-domain:example.com'],
  ['email-domain:ada@example.com', 'email-domain:example.com'],
  ['google-domain:https://example.com', 'google-domain:example.com'],
  ['oidc-group:admins', 'oidc-group:LABEL/GROUP'],
  ['oidc-group:/admins', 'oidc-group:LABEL/GROUP'],
  ['oidc-group:corp/a\nb', 'oidc-group:LABEL/GROUP'],
  [`oidc-group:corp/${'x'.repeat(257)}`, 'oidc-group:LABEL/GROUP'],
])('%j is refused, and how it is written is told', (way, form) => {
  expect(inGroup(way)).toEqual([expect.stringMatching(new RegExp(`^3:\\d+ groups\\.g\\[0\\]: must be ${form}`))])
})

test('what a provider calls a group may be nearly anything', () => {
  for (const group of ['/org/team', 'a:b', 'Domain Admins', 'O\'Brien "x"', '{"a":1}', '财务', '*', '..'])
    expect([group, inGroup(`oidc-group:corp/${group}`)]).toEqual([group, []])
})

test('groups are bounded, so that tokens and questions to GitHub are', () => {
  const groups = (count: number, way: (index: number) => string) =>
    `groups: {${Array.from({ length: count }, (_, index) => `g${index}: [${way(index)}]`).join(', ')}}`
  expect(faultsIn(groups(100, () => 'github-org:acme'))).toEqual([])
  expect(faultsIn(groups(101, () => 'github-org:acme'))).toEqual([
    '3:9 groups: must be at most 100: a token may name all of them',
  ])
  const many = (count: number) =>
    `groups: { g: [${Array.from({ length: count }, (_, n) => `github-team:acme/t${n}`)}] }`
  expect(faultsIn(many(100))).toEqual([])
  expect(faultsIn(many(101))).toEqual([expect.stringContaining('at most 100 organisations and teams of GitHub in all')])
  const names = Array.from({ length: 1_001 }, (_, n) => `oidc-group:corp/${n}`)
  expect(faultsIn(`groups: { g: [${names}] }`)).toEqual([expect.stringContaining('at most 1000 ways into them')])
})

test('a token has to name what rules about its upstreams and its endpoint name; a condition may ask for any', () => {
  const groups = 'groups: { a: [github-org:a], b: [github-org:b], c: [github-org:c] }'
  const read = (...lines: readonly string[]) => {
    const { file } = readGatewayFile(text(groups, ...lines))
    if (!file) throw new Error('a faulty file')
    return file
  }
  const some = read('rules: [{ tools: [ledger/*], groups: [c, b] }, { tools: [docs/*], groups: [a] }]')
  expect(groupsOf(some, ['ledger'])).toEqual(['b', 'c'])
  expect(groupsOf(some, ['docs'], ['b'])).toEqual(['a', 'b'])
  expect(groupsOf(some, ['other'])).toEqual([])
  const asks = read(`rules: [{ prompts: [docs/*], when: '"a" in caller.groups' }, { tools: [ledger/*], when: 'true' }]`)
  expect(groupsOf(asks, ['docs'])).toEqual(['a', 'b', 'c'])
  expect(groupsOf(asks, ['ledger'])).toEqual([])
})

test('a group that nothing names is warned of, and a rule for some shadows none for all', () => {
  const { warnings } = readGatewayFile(
    text(
      'endpoints: [{ resource: https://a.example/mcp, name: A, groups: [staff] }]',
      'groups: { staff: [github-org:a], finance: [github-org:b], idle: [github-org:c] }',
      'rules: [{ tools: [ledger/*], groups: [finance] }, { tools: [ledger/get] }, { tools: [docs/*] }]',
    ),
  )
  expect(told(warnings)).toEqual(['4:59 groups.idle: no rule and no endpoint names it: no token does'])
})
