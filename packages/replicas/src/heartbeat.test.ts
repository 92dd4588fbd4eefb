import { StoreUnavailableError } from '@gatehouse/service'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createHeartbeat, type Heartbeat } from './heartbeat.ts'

const life = 10_000
/** What the store knows, and whether it is there. */
let known: Set<string>
let isAway: boolean
let ticks: number
let time: number
let heartbeat: Heartbeat
let names: string[]
let lost: number

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  known = new Set()
  names = []
  isAway = false
  ticks = 0
  time = 0
  lost = 0
  const ask = async <T>(run: () => T): Promise<T> => {
    if (isAway) throw new StoreUnavailableError()
    return run()
  }
  heartbeat = createHeartbeat({
    life,
    announce: (name) => ask(() => void known.add(name)),
    renew: (name) => ask(() => known.has(name)),
    onName: (name) => void names.push(name),
    clocks: { ticks: () => ticks, time: () => time },
  })
  heartbeat.onLost(() => {
    lost += 1
  })
})
afterEach(async () => {
  await heartbeat.stop()
  vi.useRealTimers()
})

async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 100) {
    ticks += 100
    time += 100
    await vi.advanceTimersByTimeAsync(100)
  }
}

test('a name is kept for as long as it is said in time', async () => {
  const name = await heartbeat.requireName()
  await pass(60_000)
  expect([heartbeat.self, heartbeat.isSure(), lost]).toEqual([name, true, 0])
  isAway = true
  await pass(6_000)
  isAway = false
  await pass(60_000)
  expect([heartbeat.self, heartbeat.isSure(), lost]).toEqual([name, true, 0])
})

test('while the store is away it is given up before others can know', async () => {
  const name = await heartbeat.requireName()
  isAway = true
  await pass(life - 100)
  expect([heartbeat.isSure(), lost]).toEqual([false, 1])
  await expect(heartbeat.requireName()).rejects.toThrow(StoreUnavailableError)
  isAway = false
  await pass(life)
  expect(heartbeat.isSure()).toBe(true)
  expect(heartbeat.self).not.toBe(name)
  expect(names).toEqual([name, heartbeat.self])
  expect(lost).toBe(1)
})

test.each([
  { why: 'the process was stopped', ticked: life, went: 0 },
  { why: 'the machine slept', ticked: 0, went: life },
])('after $why nothing is sure, before any timer runs', async ({ ticked, went }) => {
  const name = await heartbeat.requireName()
  ticks += ticked
  time += went
  expect(heartbeat.isSure()).toBe(false)
  expect(lost).toBe(1)
  expect(await heartbeat.requireName()).not.toBe(name)
})

test('a name that may have been known is not taken again', async () => {
  isAway = true
  const name = heartbeat.self
  await expect(heartbeat.requireName()).rejects.toThrow(StoreUnavailableError)
  isAway = false
  expect(await heartbeat.requireName()).not.toBe(name)
  expect(lost, 'nothing was held under it').toBe(0)
})

test('a name that the store forgot is given up', async () => {
  const name = await heartbeat.requireName()
  known.clear()
  await pass(life / 4)
  expect(heartbeat.self).not.toBe(name)
  expect([heartbeat.isSure(), lost]).toEqual([true, 1])
})
