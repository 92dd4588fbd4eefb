import type { LimitsInFile } from '@gatehouse/shared/gateway-file'
import { beforeEach, expect, test } from 'vitest'
import { type Budgets, createOwnBudgets } from './budgets.ts'
import { createLimits, type Limits, limitsOf, refusalFor, wordsOf } from './limits.ts'

const stateLife = 300_000
const none: LimitsInFile = { caller: undefined, client: undefined, tools: [] }
const perMinute = (count: number) => ({ count, per: 'min' as const })
const of = (subject: string, clientId = 'app') => ({ subject, clientId })
const tool = (text: string) => {
  const [upstream = '', name = ''] = text.split('/')
  return { upstream, name }
}

let now: number
let settings: LimitsInFile
let names: string[]
let told: unknown[]
let limits: Limits
beforeEach(() => {
  now = Date.UTC(2026, 11, 1)
  names = []
  told = []
  settings = none
  const own = createOwnBudgets({ now: () => now, most: 10 })
  const states = createOwnBudgets({ now: () => now, most: 100 })
  const budgets: Budgets = {
    take(name, limit, window) {
      names.push(name)
      return own.take(name, limit, window)
    },
  }
  const onLimited = (...what: unknown[]) => void told.push(what)
  limits = createLimits({ settings: () => settings, budgets, states, stateLife, onLimited })
})

const admitted = async (who: { subject: string; clientId: string }, goesOn?: string) =>
  (await limits.admit(who, goesOn)) === undefined
const called = async (text: string, subject: string, goesOn?: string) =>
  (await limits.call(tool(text), of(subject), goesOn)) === undefined

test('without limits nothing is counted', async () => {
  for (let time = 0; time < 50; time += 1) expect(await admitted(of('ada'))).toBe(true)
  expect(await called('ledger/transfer', 'ada', 'a state')).toBe(true)
  expect(names).toEqual([])
})

test('who is given very many states makes no count forgotten', async () => {
  settings = { ...none, tools: [{ upstream: 'ledger', glob: 'transfer', rate: perMinute(1) }] }
  expect([await called('ledger/transfer', 'ada'), await called('ledger/transfer', 'ada')]).toEqual([true, false])
  for (let state = 0; state < 50; state += 1) await called('ledger/transfer', 'bob', `state ${state}`)
  expect(await called('ledger/transfer', 'ada')).toBe(false)
})

test('a caller is one person or machine, whichever app they come by', async () => {
  settings = { ...none, caller: perMinute(2) }
  expect([await admitted(of('ada', 'one')), await admitted(of('ada', 'two'))]).toEqual([true, true])
  expect([await admitted(of('ada', 'three')), await admitted(of('bob', 'one'))]).toEqual([false, true])
  now += 60_000
  expect(await admitted(of('ada', 'one'))).toBe(true)
  expect(told).toEqual([['caller', undefined]])
})

test('an app has one limit for all its people, and who is refused by it keeps what is their own', async () => {
  settings = { ...none, caller: perMinute(3), client: perMinute(2) }
  expect([await admitted(of('ada')), await admitted(of('bob')), await admitted(of('cat'))]).toEqual([true, true, false])
  for (let time = 0; time < 5; time += 1) expect(await admitted(of('ada'))).toBe(false)
  expect([await admitted(of('ada', 'other')), await admitted(of('ada', 'other'))]).toEqual([true, true])
  expect(await limits.admit(of('ada', 'third'), undefined)).toMatchObject({ kind: 'caller' })
  expect(await limits.admit(of('dan'), undefined)).toMatchObject({ kind: 'client' })
})

test('who is over their own limit uses up nothing of their app’s', async () => {
  settings = { ...none, caller: perMinute(1), client: perMinute(3) }
  for (let time = 0; time < 20; time += 1) await admitted(of('loud'))
  expect([await admitted(of('ada')), await admitted(of('bob')), await admitted(of('cat'))]).toEqual([true, true, false])
})

test('the tools that an entry names share its limit, each caller has their own, and every entry counts', async () => {
  settings = {
    ...none,
    tools: [
      { upstream: 'ledger', glob: '*', rate: perMinute(3) },
      { upstream: 'ledger', glob: 'transfer', rate: perMinute(1) },
      { upstream: 'docs', glob: 'get_*', rate: { count: 1, per: 's' } },
    ],
  }
  expect(limitsOf(settings, 'ledger', 'transfer')).toHaveLength(2)
  expect(limitsOf(settings, 'docs', 'transfer')).toEqual([])
  expect([await called('ledger/transfer', 'ada'), await called('ledger/transfer', 'ada')]).toEqual([true, false])
  expect([await called('ledger/get', 'ada'), await called('ledger/list', 'ada')]).toEqual([true, true])
  expect([await called('ledger/get', 'ada'), await called('ledger/get', 'bob')]).toEqual([false, true])
  expect([await called('docs/other', 'ada'), await called('docs/get_a', 'ada')]).toEqual([true, true])
  expect(await called('docs/get_b', 'ada')).toBe(false)
  now += 1_000
  expect([await called('docs/get_b', 'ada'), await called('ledger/get', 'ada')]).toEqual([true, false])
  expect(told).toEqual(['ledger', 'ledger', 'docs', 'ledger'].map((upstream) => ['tool', upstream]))
})

test('a limit that changes counts at once, with what was done before', async () => {
  settings = { ...none, caller: perMinute(5), tools: [{ upstream: 'a', glob: 'x', rate: perMinute(5) }] }
  for (let time = 0; time < 5; time += 1) {
    await admitted(of('ada'))
    await called('a/x', 'ada')
  }
  expect([await admitted(of('ada')), await called('a/x', 'ada')]).toEqual([false, false])
  settings = { ...none, caller: perMinute(6), tools: [{ upstream: 'a', glob: 'x', rate: perMinute(6) }] }
  expect([await admitted(of('ada')), await called('a/x', 'ada')]).toEqual([true, true])
  expect([await admitted(of('ada')), await called('a/x', 'ada')]).toEqual([false, false])
  settings = { ...none, caller: { count: 6, per: 's' } }
  expect(await limits.admit(of('ada'), undefined)).toMatchObject({ retryAfter: 1 })
  settings = none
  expect([await admitted(of('ada')), await called('a/x', 'ada')]).toEqual([true, true])
})

test('what a state goes on with was counted; the state is good for that once, as a request and as a call', async () => {
  settings = { ...none, caller: perMinute(1), tools: [{ upstream: 'a', glob: 'x', rate: perMinute(1) }] }
  expect([await admitted(of('ada')), await called('a/x', 'ada')]).toEqual([true, true])
  expect([await admitted(of('ada'), 's'), await called('a/x', 'ada', 's')]).toEqual([true, true])
  expect([await admitted(of('ada'), 's'), await called('a/x', 'ada', 's')]).toEqual([false, false])
  expect([await admitted(of('ada'), 't'), await called('a/x', 'ada', 't')]).toEqual([true, true])
  // as long as a state lives it is known to have been used
  settings = { ...none, caller: { count: 1, per: 's' } }
  await admitted(of('bob'), 'u')
  await admitted(of('bob'))
  now += 1_001
  expect([await admitted(of('bob'), 'u'), await admitted(of('bob'), 'u')]).toEqual([true, false])
})

test('no name reaches a budget, and no two kinds or people share one', async () => {
  settings = {
    caller: perMinute(9),
    client: perMinute(9),
    tools: [{ upstream: 'a', glob: 'x', rate: perMinute(9) }],
  }
  await limits.admit(of('same', 'same'), undefined)
  await limits.call(tool('a/x'), of('same'), 'state')
  await limits.call(tool('a/x'), of('same'), undefined)
  await limits.call(tool('a/x'), of('__proto__'), undefined)
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name).toMatch(/^[\w-]{43}$/)
})

test('the words say how often, and when to try again', () => {
  const base = { often: '10 times a minute', isShared: false, retryAfter: 20 }
  expect(wordsOf({ ...base, kind: 'tool' }, 'ledger__transfer')).toBe(
    'ledger__transfer may be called 10 times a minute: try again in 20 s',
  )
  expect(wordsOf({ ...base, kind: 'tool', isShared: true }, 'x')).toBe(
    'x may be called 10 times a minute, together with other tools: try again in 20 s',
  )
  expect(refusalFor({ ...base, kind: 'caller' })).toEqual({
    reason: 'caller_limit',
    message: 'You may ask 10 times a minute: try again in 20 s',
    retryAfter: 20,
  })
  expect(refusalFor({ ...base, kind: 'client' }).message).toMatch(/^All who use this app together may ask/)
})

test('a single time is once', async () => {
  settings = { ...none, caller: { count: 1, per: 'h' } }
  await admitted(of('ada'))
  now += 1_500
  expect(await limits.admit(of('ada'), undefined)).toMatchObject({ often: 'once an hour', retryAfter: 3_599 })
})
