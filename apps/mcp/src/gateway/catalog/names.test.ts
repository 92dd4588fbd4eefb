import { describe, expect, it } from 'vitest'
import { type Given, giveNames, isNamedAlone, isOffered, type Namer, type Owned } from './names.ts'

type Prefix = Namer['prefix']

function namer(name: string, prefix: Prefix = 'always', rename: Record<string, string> = {}): Namer {
  return { name, prefix, rename }
}

const offer = (upstream: string, ...names: string[]) => ({ upstream, names })
const nothing: Given = new Map()

function together(...all: Given[]): Given {
  return new Map(all.flatMap((given) => [...given]))
}

/** `upstream/own` by exposed name. */
function table(exposed: ReadonlyMap<string, ReadonlyMap<string, string>>): Record<string, string> {
  const rows = [...exposed].flatMap(([upstream, names]) =>
    [...names].map(([own, name]) => [name, `${upstream}/${own}`]),
  )
  return Object.fromEntries(rows)
}

describe('names of tools', () => {
  it.each<[string, Namer[], [string, ...string[]][], Record<string, string>]>([
    ['one upstream: unchanged', [namer('a')], [['a', 'get_x', 'Get-Y']], { get_x: 'a/get_x', 'Get-Y': 'a/Get-Y' }],
    [
      'several: the upstream before each',
      [namer('a'), namer('b')],
      [
        ['a', 'x'],
        ['b', 'x', 'y'],
      ],
      { a__x: 'a/x', b__x: 'b/x', b__y: 'b/y' },
    ],
    [
      'auto: only where a name has an owner, who is the first of the file',
      [namer('a', 'auto'), namer('b', 'auto')],
      [
        ['b', 'x', 'y'],
        ['a', 'x', 'z'],
      ],
      { x: 'a/x', z: 'a/z', b__x: 'b/x', y: 'b/y' },
    ],
    ['dots and slashes', [namer('a')], [['a', 'admin.users/list']], { admin_users_list: 'a/admin.users/list' }],
    [
      'what needs no change has its name before what does',
      [namer('a')],
      [['a', 'x.y', 'x_y']],
      { x_y: 'a/x_y', x_y_bceda5: 'a/x.y' },
    ],
    [
      'a name that looks like another upstream and its tool is one of its own upstream',
      [namer('a'), namer('a-b')],
      [
        ['a', 'a-b__x', '__x'],
        ['a-b', 'x', '__x'],
      ],
      { 'a__a-b__x': 'a/a-b__x', a____x: 'a/__x', 'a-b__x': 'a-b/x', 'a-b____x': 'a-b/__x' },
    ],
    [
      'another upstream cannot have a name that looks prefixed, if the file has it later',
      [namer('ledger'), namer('evil', 'never')],
      [
        ['evil', 'ledger__transfer'],
        ['ledger', 'transfer'],
      ],
      { ledger__transfer: 'ledger/transfer', ledger__transfer_27065e: 'evil/ledger__transfer' },
    ],
    [
      'renamed, by the own name alone',
      [namer('a', 'always', { get_acct: 'get_account' }), namer('b', 'always', {})],
      [
        ['a', 'get_acct', 'constructor'],
        ['b', 'get_acct'],
      ],
      { a__get_account: 'a/get_acct', a__constructor: 'a/constructor', b__get_acct: 'b/get_acct' },
    ],
  ])('%s', (_title, namers, offers, expected) => {
    const { exposed } = giveNames(
      namers,
      offers.map(([upstream, ...names]) => offer(upstream, ...names)),
      nothing,
    )
    expect(table(exposed)).toEqual(expected)
  })

  it('that are too long or of other letters are told apart by a digest, the same each time', () => {
    const long = 'x'.repeat(200)
    const names = [long, `${long}y`, '数据', '資料', '😀', '', ' ', 'a b', 'a\u0000b', '\ud800']
    const { exposed } = giveNames([namer('a')], [offer('a', ...names)], nothing)
    const given = [...(exposed.get('a')?.values() ?? [])]
    expect(given).toHaveLength(names.length)
    expect(new Set(given).size).toBe(names.length)
    for (const name of given) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
    expect(exposed.get('a')?.get(long)).toMatch(/^x{57}_[0-9a-f]{6}$/)
    expect(
      giveNames([namer('a')], [offer('a', ...names.toReversed())], nothing)
        .exposed.get('a')
        ?.get('数据'),
    ).toBe(exposed.get('a')?.get('数据'))
  })

  it.each<Prefix>(['auto', 'never'])('%s: a newcomer takes no name, even if the file has it first', (prefix) => {
    const namers = [namer('a', prefix), namer('b', prefix)]
    const before = giveNames(namers, [offer('a'), offer('b', 'x')], nothing)
    expect(table(before.exposed)).toEqual({ x: 'b/x' })
    const after = giveNames(namers, [offer('a', 'x'), offer('b', 'x')], before.added)
    expect(after.exposed.get('b')?.get('x')).toBe('x')
    expect(after.exposed.get('a')?.get('x')).not.toBe('x')
    expect(after.clashes).toEqual([
      { of: { upstream: 'a', name: 'x' }, wanted: 'x', owner: { upstream: 'b', name: 'x' } },
    ])
  })

  it('stay when the other one goes, and stay taken while it is away', () => {
    const namers = [namer('a', 'auto'), namer('b', 'auto')]
    const { added } = giveNames(namers, [offer('a', 'x'), offer('b', 'x')], nothing)
    expect(table(giveNames(namers, [offer('b', 'x')], added).exposed)).toEqual({ b__x: 'b/x' })
    expect(table(giveNames(namers, [offer('b', 'x', 'x.')], added).exposed)).toMatchObject({ b__x: 'b/x' })
  })

  it('are free again when the file says so', () => {
    const { added } = giveNames([namer('a')], [offer('a', 'x')], nothing)
    expect(table(giveNames([namer('b')], [offer('b', 'x')], added).exposed)).toEqual({ x: 'b/x' })
    const both = [namer('b', 'never'), namer('a', 'always')]
    expect(table(giveNames(both, [offer('b', 'x'), offer('a', 'x')], added).exposed)).toEqual({ x: 'b/x', a__x: 'a/x' })
  })

  it('never change hands, no matter who comes and goes in whatever order', () => {
    const random = generator(20_261_126)
    const parts = ['x', 'y', 'a', 'b', '__', '_', '.', '/', '数', '-', 'x'.repeat(40)]
    for (let round = 0; round < 60; round++) {
      const prefixes: Prefix[] = ['always', 'auto', 'never']
      const namers = ['a', 'b', 'a-b'].map((name) => namer(name, prefixes[random(3)] ?? 'auto'))
      let given: Given = nothing
      for (let step = 0; step < 8; step++) {
        const offers = namers.map(({ name }) =>
          offer(
            name,
            ...Array.from({ length: random(8) }, () =>
              Array.from({ length: 1 + random(4) }, () => parts[random(parts.length)]).join(''),
            ),
          ),
        )
        const naming = giveNames(namers, offers, given)
        for (const name of naming.added.keys()) expect(given.has(name)).toBe(false)
        given = together(given, naming.added)
        const shown = new Map<string, Owned>()
        for (const [upstream, names] of naming.exposed)
          for (const [own, name] of names) {
            expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
            expect(shown.get(name)).toBeUndefined()
            shown.set(name, { upstream, name: own })
            expect(given.get(name)).toEqual({ upstream, name: own })
          }
        const again = giveNames(namers, offers.toReversed(), given)
        expect(again.added.size).toBe(0)
        expect(table(again.exposed)).toEqual(table(naming.exposed))
      }
    }
  })

  it('depend on others only where an upstream goes without a prefix', () => {
    expect(isNamedAlone([namer('a', 'never')])).toBe(true)
    expect(isNamedAlone([namer('a'), namer('b')])).toBe(true)
    expect(isNamedAlone([namer('a'), namer('b', 'auto')])).toBe(false)
  })
})

describe('patterns of tools', () => {
  it.each<[string, string, boolean]>([
    ['get_*', 'get_', true],
    ['get_*', 'get_x/y', true],
    ['get_*', 'forget_x', false],
    ['*', '', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b*', 'xxbxxaxx', false],
    ['ab*ba', 'aba', false],
    ['a.c', 'abc', false],
    ['x', 'X', false],
  ])('%s on %s: %s', (pattern, name, fits) => {
    expect(isOffered(name, { only: [pattern], not: [] })).toBe(fits)
    expect(isOffered(name, { only: undefined, not: [pattern] })).toBe(!fits)
  })

  it('take no longer for a name that was made for it', () => {
    expect(isOffered('a'.repeat(1_000_000), { only: [`${'*a'.repeat(50)}*b`], not: [] })).toBe(false)
  })
})

/** The same numbers each time. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
