import { describe, expect, test } from 'vitest'
import { compileCondition, type Facts } from './cel.ts'

const facts: Facts = {
  caller: { kind: 'person', subject: 'github:1', client: 'c', groups: ['finance'], scopes: ['ledger:write'] },
  args: {
    amount: 1000,
    name: 'aaa',
    list: [1, 2],
    nothing: null,
    deep: { a: { b: true }, nothing: null },
    rows: [{ nothing: null }],
  },
  tool: 'transfer',
  upstream: 'ledger',
  endpoint: 'https://mcp.example.com/mcp',
}
const holds = (text: string, args: unknown = facts.args) => compileCondition(text).holds({ ...facts, args })

test.each([
  ['caller.kind == "person" && args.amount <= 1000', true],
  ['caller["kind"] != "machine"', true],
  ['"finance" in caller.groups && caller.groups.exists(g, g.startsWith("fin"))', true],
  ['"ledger:write" in caller.scopes', true],
  ['tool == "transfer" && upstream == "ledger" && endpoint.startsWith("https://")', true],
  ['args.amount == 1000 && args.amount <= 1000.5 && args.amount + 0.5 > 1000.0', true],
  ['has(args.missing)', false],
  ['!has(args.missing) || args.missing == 1', true],
  ['args.nothing == null && args.deep.a.b', true],
  ['has(args.nothing) && "nothing" in args', true],
  ['!has(args.nothing) || !("nothing" in args)', false],
  ['has(args.deep.nothing) && "nothing" in args.deep && has(args["deep"].nothing)', true],
  ['args.rows.all(row, has(row.nothing) && "nothing" in row)', true],
  ['has({"a": args.nothing}.a) && "a" in {"a": args.nothing}', true],
  ['1 in {1: args.nothing} && 1.0 in {1: args.nothing} && !(2 in {1: args.nothing})', true],
  ['null in [args.nothing] && !("missing" in args.deep) && !has(args.deep.missing)', true],
  ['has(caller.kind) && "kind" in args == false', true],
  ['args.list.all(x, x > 0) && args.list.exists_one(x, x == 2)', true],
  ['args.list.map(x, x * 2.0).filter(x, x > 2.0).size() == 1', true],
  ['args.list.all(x, caller.groups.exists(g, g == x))', false],
  ['args.name.matches("^a+$")', true],
  ['tool in ["transfer", "get"] ? true : false', true],
])('%s: %s', (text, expected) => {
  expect(holds(text)).toBe(expected)
})

test.each([
  ['a ==', 'is not CEL: 1:3'],
  ['foo == 1', 'there is no foo, there are caller, args, tool, upstream, endpoint'],
  ['nosuch(1)', 'there is no function nosuch'],
  ['tool.foo()', 'there is no function foo'],
  ['caller.typo == "x"', 'there is no caller.typo, there are kind, subject, client, groups, scopes'],
  ['caller.kind == "human"', 'caller.kind is person or machine'],
  ['caller == 1', 'caller is looked at by its members'],
  ['caller[tool] == "x"', 'caller is looked at by names that stand in the condition'],
  ['tool == 1', 'compares string with int, which are never the same'],
  ['tool.startsWith(1)', 'startsWith does not take (string, int)'],
  ['"x" + 1 == "x"', '+ does not take (string, int)'],
  ['tool', 'string is neither true nor false'],
  ['tool && true', 'string is neither true nor false'],
  ['tool.length > 1', 'string has no member length'],
  ['args.name.matches(args.pattern)', 'a pattern has to stand in the condition'],
  ['args.name.matches("(")', 'a pattern is faulty'],
  ['args.list.all(x, args.list.exists(y, x == y))', 'goes through a list inside a list'],
  ['args.list.all(x, x.all(y, y == 1))', 'goes through a list inside a list'],
  ['com.example.Thing{a: 1} == 1', 'there is no type com.example.Thing'],
  ['__proto__ == 1', 'there is no __proto__'],
  [`${'('.repeat(900)}true${')'.repeat(900)}`, 'is not CEL'],
])('%.40s is a fault before anybody calls', (text, message) => {
  expect(() => compileCondition(text)).toThrow(message)
})

describe('what cannot be judged throws', () => {
  test.each([
    ['a member that is not there', 'args.missing == 1'],
    ['numbers that are not of one kind', 'args.amount + 1 == 1001'],
    ['a text where a number is meant', 'args.name <= 1000'],
    ['what objects inherit', 'args.constructor == args.toString'],
    ['something that is neither true nor false', 'args.amount'],
    ['a member of a list', '!has(args.list.force)'],
    ['a member of a text', '!has(args.name.force)'],
    ['a member of nothing', '!has(args.nothing.force)'],
    ['a member of what is not there', '!has(args.missing.force)'],
  ])('%s: %s', (_, text) => {
    const condition = compileCondition(text)
    expect(() => condition.holds(facts)).toThrow()
  })

  test('arguments that are no object', () => {
    for (const args of ['text', 1, [1], [{ amount: 1 }], null])
      for (const text of ['args.amount <= 1000', '!has(args.amount)', '!("amount" in args)', 'args != {}'])
        expect(() => holds(text, args), text).toThrow()
  })
})

test('arguments that the library would take for a message of Protocol Buffers are not judged', () => {
  const one = { $typeName: 'google.protobuf.Value', kind: { case: 'numberValue', value: 1 } }
  for (const args of [
    { $typeName: 'google.protobuf.Struct', fields: { amount: one }, amount: 5000 },
    {
      $typeName: 'google.protobuf.Value',
      kind: { case: 'structValue', value: { fields: { amount: one } } },
      amount: 5000,
    },
    { amount: { $typeName: 'google.protobuf.Int32Value', value: 1 } },
  ])
    expect(() => holds('args.amount <= 1000', args), JSON.stringify(args)).toThrow('$typeName')
  const empty = { $typeName: 'google.protobuf.Struct', fields: {}, bcc: 'eve@example.org' }
  expect(() => holds('!has(args.bcc)', empty)).toThrow('$typeName')
  expect(() => holds('args.list.all(x, x.a == 1)', { list: [{ a: 1 }, empty] })).toThrow('$typeName')
  expect(holds('caller.kind == "person"', empty)).toBe(true)
})

test('a number that cannot be sent on is not judged', () => {
  for (const text of ['-1e999', '1e999'])
    expect(() => holds('args.a <= 1', JSON.parse(`{"a":${text}}`))).toThrow('number')
})

test('a condition says whether it asks for arguments', () => {
  const asks = (text: string) => compileCondition(text).mentionsArgs
  expect(asks('caller.kind == "person"')).toBe(false)
  expect(asks('caller.groups.exists(args, args == "a")')).toBe(false)
  expect(asks('caller.kind == "person" || caller.groups.exists(g, g == args.group)')).toBe(true)
  expect(asks('[args].size() == 1')).toBe(true)
  expect(asks('{"a": args}.a == 1')).toBe(true)
})

describe('what a caller sends takes no longer than it is long', () => {
  test('a pattern that takes other engines for ever', () => {
    expect(holds('args.name.matches("^(a+)+$")', { name: `${'a'.repeat(60_000)}!` })).toBe(false)
    expect(() => holds('args.name.matches("^(a+)+$")', { name: 'a'.repeat(70_000) })).toThrow('too long')
  })

  test('10 MB of text, 100,000 levels, 10,000 values', () => {
    const name = 'a'.repeat(10_000_000)
    expect(holds('args.name == "x" || args.name.contains("b") || size(args.name) < 10', { name })).toBe(false)
    expect(() => holds('args.name.matches("a")', { name })).toThrow('too long')
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level += 1) deep = { deep }
    expect(holds('has(args.deep.deep)', { deep })).toBe(true)
    expect(() => holds('args.one == args.other', { one: deep, other: deep })).toThrow()
    const list = Array.from({ length: 10_000 }, (_, index) => index)
    expect(() => holds('args.list.all(x, x in args.list)', { list })).toThrow('more than 1000 values')
    expect(holds('args.list.all(x, x in args.list)', { list: list.slice(0, 900) })).toBe(true)
    expect(holds('9999 in args.list', { list })).toBe(true)
  })

  test('texts that are read again for each value of a list are too long at some time, for all conditions together', () => {
    const list = Array.from({ length: 990 }, (_, index) => `p${index}`)
    const text = 'x'.repeat(65_000)
    const all = compileCondition("args.list.all(x, args.text.matches('(a|x)*y?$'))")
    const judged = { ...facts, args: { list: list.slice(0, 10), text } }
    expect(all.holds(judged)).toBe(true)
    expect(() => all.holds(judged)).toThrow('too long to be judged')
    expect(all.holds({ ...judged })).toBe(true)
    expect(holds("args.list.all(x, x.matches('^p[0-9]+$')) && size(args.text) > 1", { list, text })).toBe(true)
  })

  const needles = Array.from({ length: 900 }, () => `${'a'.repeat(400)}b`)
  const half = 'a'.repeat(125_000)
  test.each([
    ["args.list.all(x, args.text.matches('(a|x)*y?$'))", { list: needles, text: 'x'.repeat(65_000) }],
    ['args.list.all(x, size(args.text) > 1)', { list: needles, text: 'a'.repeat(600_000) }],
    ['args.list.all(x, args.text.size() > 1)', { list: needles, text: 'a'.repeat(600_000) }],
    ['args.list.all(x, !args.text.contains(x))', { list: needles, text: 'a'.repeat(600_000) }],
    ['args.list.exists(x, int(args.text) > 1)', { list: needles, text: '9'.repeat(500_000) }],
    ['args.list.exists(x, uint(args.text) > 1u)', { list: needles, text: '9'.repeat(500_000) }],
    ['args.list.all(x, size(bytes(args.text)) > 1)', { list: needles, text: 'a'.repeat(600_000) }],
    ['args.list.all(x, double(args.text) > 1.0)', { list: needles, text: '1'.repeat(600_000) }],
    ['!args.text.contains(args.part)', { text: 'a'.repeat(500_000), part: `${half}b${half}` }],
  ])('%s, about 1 MB', (condition, args) => {
    const began = performance.now()
    expect(() => holds(condition, args)).toThrow('too long to be judged')
    expect(performance.now() - began).toBeLessThan(3_000)
  })

  test('long texts without such a repetition are judged', () => {
    const text = 'ä😀'.repeat(300_000)
    const to = Array.from({ length: 100 }, (_, index) => `a${index}@example.com`)
    const condition =
      "args.to.all(x, x.matches('^[a-z0-9]+@example[.]com$') && !args.text.contains(x)) && size(args.text) == 600000"
    expect(holds(condition, { to: to.slice(0, 20), text })).toBe(true)
    expect(holds("args.to.all(x, x.endsWith('.com')) && size(args.text) == 600000", { to, text })).toBe(true)
  })
})
