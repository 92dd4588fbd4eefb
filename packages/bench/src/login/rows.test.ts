import { expect, test } from 'vitest'
import type { Login } from './one-login.ts'
import { rowOf } from './rows.ts'

const pending = { took: 4_500, status: 400, error: 'authorization_pending' }
const token = { came: 2, took: 3, status: 200 }
const of = (clickToToken: number, ...requests: Login['requests']): Login => ({ waited: 60_000, clickToToken, requests })
const logins = { client: 'a client', store: 'sqlite', done: [], patient: undefined, failures: [] }

test('a row has the times of the logins, and counts what no device should meet', () => {
  const gaveUp = of(30, { came: -5_000, took: 5_000, status: 0 }, token)
  const slowed = of(10, { came: -10, took: 1, status: 400, error: 'slow_down' }, token)
  const broken = of(20, { came: -10, took: 1, status: 503 }, { ...pending, came: -5 }, token)
  const { figures, details } = rowOf({ ...logins, done: [gaveUp, slowed, broken], failures: ['no token'] })
  expect(figures['ms from click to token']).toEqual({ median: 20, min: 10, max: 30 })
  expect(figures['ms at p95']?.median).toBe(30)
  expect(['time-outs', 'slow_down', 'other refusals', 'logins without a token'].map((n) => figures[n]?.median)).toEqual(
    [1, 1, 1, 1],
  )
  expect(figures).not.toHaveProperty('requests a minute')
  expect(details).toMatchObject({ odd: [gaveUp, slowed, broken] })
})

test('clicks that a held poll met are told apart from those in between', () => {
  const held = of(20, { ...pending, took: 15, came: -10 }, token)
  const between = of(900, { ...pending, came: -5_000 }, token)
  expect(rowOf({ ...logins, done: [held, between] }).figures).toMatchObject({
    'ms at p95': { median: 900 },
    'ms at p95, poll held': { median: 20 },
  })
  expect(rowOf({ ...logins, done: [between] }).figures).not.toHaveProperty('ms at p95, poll held')
})

test('the requests a minute are those of the device that was left waiting, before the click', () => {
  const patient = of(1, { ...pending, came: -60_000 }, { ...pending, came: -30_000 }, token)
  expect(rowOf({ ...logins, done: [of(5, token)], patient }).figures['requests a minute']?.median).toBe(2)
})
