// How a hold ends where two things come at once, and what it leaves behind, on a real store.
import { verifies } from '@gatehouse/testing'
import { expect, onTestFinished, test, vi } from 'vitest'
import { StoreUnavailableError } from '../../errors.ts'
import type { DeviceCodeStore } from '../../store/contract.ts'
import { createSealing } from '../../store/sealing.ts'
import { openSqliteStore } from '../../store/sqlite/store.ts'
import { createHeldPolls, type HeldPoll, type HoldEnd } from './held-polls.ts'

const sealing = createSealing({ secret: 'a secret of the tests of ends alone' })
const interval = 1_000
const write = { userCode: 'BBBBBBBB', owner: 'alice' } as const

interface StageOptions {
  readonly hold?: number
  readonly change?: (codes: DeviceCodeStore) => Partial<DeviceCodeStore>
}

/** Polls of one code, each told of its own hang-up. */
async function openStage({ hold = 30_000, change = () => ({}) }: StageOptions = {}) {
  let time = Date.now()
  const store = openSqliteStore({ path: ':memory:', clock: () => time, sealing, onTampered: () => undefined })
  const { deviceCodes } = store
  await deviceCodes.create('code', {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
  const ends: HoldEnd[] = []
  const listening = new Set<() => void>()
  const polls = createHeldPolls({
    deviceCodes: { ...deviceCodes, ...change(deviceCodes) },
    hold,
    caps: { network: 1, client: 1, process: 1 },
    onEnd: (end) => ends.push(end),
    onFull: () => ends.push('failed'),
  })
  const poll = (options: Partial<HeldPoll> = {}) =>
    polls.answer({
      ...{ deviceCode: 'code', clientId: 'a', network: '192.0.2.1', size: () => 300, life: 600_000, interval },
      isDecided: async () => false,
      onHeld: () => undefined,
      onHungUp(run) {
        listening.add(run)
        return () => listening.delete(run)
      },
      ...options,
    })
  return {
    ...{ polls, poll, ends, listening, deviceCodes },
    held: () => expect.poll(polls.count).toBe(1),
    hangUp() {
      for (const run of listening) run()
    },
    decide: () => deviceCodes.update('code', {}, { ...write, phase: 'decided' }),
    elapse(more: number) {
      time += more
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

verifies('D10', 'of a hang-up and a decision at once the hang-up counts: nothing is redeemed for nobody', async () => {
  await using stage = await openStage({ change: () => ({ watch: () => () => undefined }) })
  const poll = stage.poll()
  await stage.held()
  await stage.decide()
  stage.hangUp()
  stage.polls.drain()
  expect(await poll).toBe('undecided')
  expect(stage.ends).toEqual(['hung_up'])
})

verifies('D10', 'a device that hangs up while its code is looked at is not answered', async () => {
  await using stage = await openStage()
  const poll = stage.poll({
    async isDecided() {
      stage.hangUp()
      return true
    },
  })
  await stage.held()
  await stage.decide()
  expect(await poll).toBe('undecided')
  expect(stage.ends).toEqual(['hung_up'])
})

verifies('D10', 'a device that hung up before its hold began is not answered, and holds nothing', async () => {
  await using stage = await openStage({
    change: (codes) => ({
      async poll(...poll) {
        stage.hangUp()
        return codes.poll(...poll)
      },
    }),
  })
  expect(await stage.poll()).toBe('undecided')
  expect(stage.ends).toEqual(['hung_up'])
})

verifies('D5', 'a device that hung up is paced from then on, and holds again', async () => {
  await using stage = await openStage()
  for (let round = 0; round < 3; round += 1) {
    const poll = stage.poll()
    await stage.held()
    stage.hangUp()
    expect(await poll).toBe('undecided')
    stage.elapse(interval)
  }
  expect(stage.ends, 'no cap was reached').toEqual(['hung_up', 'hung_up', 'hung_up'])
})

verifies('D5', 'a second poll is early for as long as one is held', async () => {
  await using stage = await openStage()
  const poll = stage.poll()
  await stage.held()
  stage.elapse(20 * interval)
  expect(await stage.deviceCodes.poll('code', interval, 0)).toBe('early')
  stage.polls.drain()
  await poll
})

test('a decision whose word was lost is found at the end, and counts as one', async () => {
  await using stage = await openStage({ hold: 200, change: () => ({ watch: () => () => undefined }) })
  const poll = stage.poll()
  await stage.held()
  await stage.decide()
  expect(await poll).toBe('decided')
  expect(stage.ends).toEqual(['decided'])
})

test('a hold leaves nobody who watches or listens behind, and no timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  let watching = 0
  await using stage = await openStage({
    change: (codes) => ({
      watch(...watch) {
        watching += 1
        const stop = codes.watch(...watch)
        return () => {
          watching -= 1
          stop()
        }
      },
    }),
  })
  const poll = stage.poll()
  await stage.held()
  await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
  expect([watching, stage.listening.size]).toEqual([1, 1])
  stage.polls.drain()
  await poll
  expect([watching, stage.listening.size, stage.polls.count(), vi.getTimerCount()]).toEqual([0, 0, 0, 0])
})

verifies('D7', 'the store is told of no longer hold than the code lives', async () => {
  const told: number[] = []
  await using stage = await openStage({
    change: (codes) => ({
      poll(...poll) {
        told.push(poll[2])
        return codes.poll(...poll)
      },
    }),
  })
  expect(await stage.poll({ life: 50 })).toBe('undecided')
  expect(told).toEqual([50])
})

verifies('X1', 'a hold at whose end the store is away is counted as failed', async () => {
  await using stage = await openStage({
    hold: 50,
    change: () => ({
      async endPoll() {
        throw new StoreUnavailableError()
      },
    }),
  })
  await expect(stage.poll()).rejects.toThrow(StoreUnavailableError)
  expect(stage.ends).toEqual(['failed'])
  expect(stage.polls.count()).toBe(0)
})

verifies(
  'D5',
  'a hold that was noted, and whose answer was lost, makes no poll too fast once the store is back',
  async () => {
    let failures = 0
    const ended: string[] = []
    await using stage = await openStage({
      change: (codes) => ({
        async poll(...poll) {
          const answer = await codes.poll(...poll)
          if (failures > 0) return answer
          failures += 1
          throw new StoreUnavailableError()
        },
        async endPoll(id) {
          failures += 1
          if (failures < 4) throw new StoreUnavailableError()
          ended.push(id)
          return codes.endPoll(id)
        },
      }),
    })
    await expect(stage.poll()).rejects.toThrow(StoreUnavailableError)
    expect(stage.polls.count()).toBe(0)
    await expect.poll(() => ended, { timeout: 5_000 }).toEqual(['code'])
    stage.elapse(interval)
    const poll = stage.poll()
    await stage.held()
    stage.polls.drain()
    expect(await poll).toBe('undecided')
    expect(stage.ends).toEqual(['failed', 'drained'])
  },
)

test('a fault of ours in a look is not taken for a store that is away', async () => {
  await using stage = await openStage()
  const poll = stage.poll({
    async isDecided() {
      throw new TypeError('a fault')
    },
  })
  const refusal = expect(poll).rejects.toThrow('a fault')
  await stage.held()
  await stage.decide()
  await refusal
  expect(stage.ends).toEqual(['failed'])
})

verifies('N12', 'what has more than 8 KB is answered at once', async () => {
  await using stage = await openStage()
  expect(await stage.poll({ size: () => 8_193 })).toBe('undecided')
  stage.elapse(interval)
  const poll = stage.poll({ size: () => 8_192 })
  await stage.held()
  stage.polls.drain()
  await poll
  expect(stage.ends).toEqual(['drained'])
})

test('without a time to hold nothing is held', async () => {
  await using stage = await openStage({ hold: 0 })
  expect(await stage.poll()).toBe('undecided')
  expect(stage.ends).toEqual([])
})
