import { expect, test } from 'vitest'
import { matchesGlob, readGatewayFile, scopesOf } from './index.ts'

/** A file with two upstreams and these rules, each on a line of its own from the fourth on. */
const text = (...rules: readonly string[]) =>
  ['version: 1', 'upstreams: { ledger: { command: [x] }, docs: { command: [x], default: allow } }', 'rules:']
    .concat(rules.map((rule) => `  - ${rule}`))
    .join('\n')
const told = (found: readonly { readonly line: number; readonly column: number; readonly message: string }[] = []) =>
  found.map(({ line, column, message }) => `${line}:${column} ${message}`)
const faultsIn = (...rules: readonly string[]) => told(readGatewayFile(text(...rules)).faults)
const warningsIn = (...rules: readonly string[]) => told(readGatewayFile(text(...rules)).warnings)

test('a rule is read with what it is about, its condition with its place', () => {
  const { file } = readGatewayFile(
    text(
      '{ tools: [ledger/transfer], when: args.amount <= 1000, scopes: [ledger:write] }',
      '{ prompts: [docs/*], resources: ["docs/file:///a/*"], allow: false }',
    ),
  )
  expect(file?.rules).toEqual([
    {
      at: 'rules[0]',
      tools: [{ upstream: 'ledger', glob: 'transfer' }],
      prompts: [],
      resources: [],
      annotations: undefined,
      when: { text: 'args.amount <= 1000', line: 4, column: 39 },
      groups: undefined,
      scopes: ['ledger:write'],
      allow: true,
    },
    {
      at: 'rules[1]',
      tools: [],
      prompts: [{ upstream: 'docs', glob: '*' }],
      resources: [{ upstream: 'docs', glob: 'file:///a/*' }],
      annotations: undefined,
      when: undefined,
      groups: undefined,
      scopes: [],
      allow: false,
    },
  ])
  expect(file?.upstreams.map((upstream) => upstream.default)).toEqual(['deny', 'allow'])
})

test('annotations select tools, with pins enforced alone', () => {
  const pinned = (mode: string, ...rules: readonly string[]) => `${text(...rules)}\npins: { mode: ${mode} }`
  const rule = '{ tools: [docs/*], annotations: { readOnlyHint: true, destructiveHint: false } }'
  const { file } = readGatewayFile(pinned('enforce', rule))
  expect(file?.rules[0]?.annotations).toEqual({ readOnlyHint: true, destructiveHint: false })
  const unenforced =
    '4:37 rules[0].annotations: is what servers say of themselves: it counts with pins: { mode: enforce } alone. Write that, or take it out'
  for (const file of [text(rule), pinned('warn', rule), pinned('off', rule)])
    expect(told(readGatewayFile(file).faults)).toEqual([unenforced])
  const faulty = [
    '{ tools: [docs/*], annotations: {} }',
    '{ tools: [docs/*], annotations: { readOnlyHint: yes please, title: x } }',
    '{ tools: [docs/*], prompts: [docs/*], annotations: { readOnlyHint: true } }',
    '{ resources: [docs/*], annotations: { readOnlyHint: true } }',
  ]
  const ofTools = 'are of tools: a rule with them names tools, and no prompts and no resources'
  const known = 'readOnlyHint, destructiveHint, idempotentHint, openWorldHint'
  expect(told(readGatewayFile(pinned('enforce', ...faulty)).faults)).toEqual([
    '4:37 rules[0].annotations: must name a hint: leave it out',
    '5:53 rules[1].annotations.readOnlyHint: must be true or false',
    `5:65 rules[1].annotations.title: there is no such setting, there are ${known}`,
    `6:56 rules[2].annotations: ${ofTools}`,
    `7:41 rules[3].annotations: ${ofTools}`,
  ])
})

test('a rule with annotations is before none in vain', () => {
  const rules = ['{ tools: [docs/*], annotations: { readOnlyHint: true } }', '{ tools: [docs/get], allow: false }']
  expect(readGatewayFile(`${text(...rules)}\npins: { mode: enforce }`).warnings).toEqual([])
})

test('what a rule cannot be is a fault with its place', () => {
  expect(
    faultsIn(
      '{ allow: false }',
      '{ tools: [] }',
      '{ tools: [transfer, other/x, "*/x", ledger/] }',
      '{ tools: [ledger/x], prompt: [ledger/x] }',
      '{ tools: [ledger/x], scopes: [mcp:tools:call, openid, "two words"] }',
      '{ tools: [ledger/x], scopes: [ledger:write], allow: false }',
      '{ tools: [ledger/x], when: true }',
      '{ tools: [ledger/x], when: "  " }',
    ),
  ).toEqual([
    '4:5 rules[0]: must name tools, prompts or resources',
    '5:14 rules[1].tools: must name something: leave it out',
    expect.stringMatching(/^6:15 rules\[2\]\.tools\[0\]: must be upstream\/name/),
    '6:25 rules[2].tools[1]: there is no upstream of the name before the slash, there are ledger, docs, builtin',
    '6:34 rules[2].tools[2]: there is no upstream of the name before the slash, there are ledger, docs, builtin',
    expect.stringMatching(/^6:41 rules\[2\]\.tools\[3\]: must be upstream\/name/),
    '7:26 rules[3].prompt: there is no such setting, there are tools, prompts, resources, annotations, when, groups, scopes, allow',
    expect.stringMatching(/^8:35 rules\[4\]\.scopes\[0\]: is taken/),
    expect.stringMatching(/^8:51 rules\[4\]\.scopes\[1\]: is taken/),
    expect.stringMatching(/^8:59 rules\[4\]\.scopes\[2\]: must be a scope/),
    '9:34 rules[5].scopes: go with no allow: false, which no scope changes: take one away',
    '10:32 rules[6].when: must be text: put it in quotes',
    '11:32 rules[7].when: must not be empty: leave it out',
  ])
})

test('a rule that can never decide, and a scope without words, are warned of', () => {
  expect(
    warningsIn(
      '{ tools: [ledger/get_*], prompts: [docs/*] }',
      '{ tools: [ledger/get_account], prompts: [docs/a*b] }',
      '{ tools: [ledger/get_account, ledger/transfer], scopes: [ledger:write] }',
      '{ tools: [docs/*], when: tool == "a" }',
      '{ tools: [docs/a] }',
    ),
  ).toEqual([
    '5:5 rules[1]: can never decide: rules[0] and those before it fit all that it names',
    '6:61 rules[2].scopes: ledger:write has no words under scopes: people are shown its name',
  ])
})

test('the scopes of an endpoint are those of the rules that name its upstreams', () => {
  const { file } = readGatewayFile(
    text('{ tools: [ledger/*], scopes: [a, b] }', '{ resources: [docs/*, ledger/*], scopes: [b, c] }'),
  )
  expect(scopesOf(file?.rules ?? [], ['docs'])).toEqual(['b', 'c'])
  expect(scopesOf(file?.rules ?? [])).toEqual(['a', 'b', 'c'])
})

test.each([
  ['get_*', 'get_', true],
  ['get_*', 'got_x', false],
  ['*', '', true],
  ['a*a', 'a', false],
  ['a*b*c', 'a-b-b-c', true],
  ['file:///a/*', 'file:///a/../b', true],
  ['a.c', 'abc', false],
])('%s fits %s: %s', (glob, name, fits) => {
  expect(matchesGlob(glob, name)).toBe(fits)
})
