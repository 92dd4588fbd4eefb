// How many polls may be held at once, on a real store.
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { createSealing } from '../../store/sealing.ts'
import { openSqliteStore } from '../../store/sqlite/store.ts'
import { createHeldPolls, type HoldCaps } from './held-polls.ts'

const sealing = createSealing({ secret: 'a secret of the tests of caps alone' })

verifies('N12', 'beyond the cap of a network, a client or the process, polls are answered at once', async () => {
  const caps = { network: 2, client: 3, process: 4 }
  await using store = openSqliteStore({ path: ':memory:', clock: Date.now, sealing, onTampered: () => undefined })
  const full: (keyof HoldCaps)[] = []
  const polls = createHeldPolls({
    deviceCodes: store.deviceCodes,
    hold: 30_000,
    caps,
    onEnd: () => undefined,
    onFull: (cap) => full.push(cap),
  })
  let codes = 0
  const poll = async (network: string, clientId: string) => {
    codes += 1
    const deviceCode = `code ${codes}`
    await store.deviceCodes.create(deviceCode, {}, 600_000, { userCode: `BBBBBB${codes + 10}`, phase: 'pending' })
    return polls.answer({
      ...{ deviceCode, clientId, network, size: () => 300, life: 600_000, interval: 1_000 },
      isDecided: async () => false,
      onHeld: () => undefined,
      onHungUp: () => () => undefined,
    })
  }
  const held: Promise<unknown>[] = []
  const hold = async (network: string, clientId: string) => {
    const before = polls.count()
    held.push(poll(network, clientId))
    await expect.poll(polls.count).toBe(before + 1)
  }

  await hold('192.0.2.1', 'a')
  await hold('192.0.2.1', 'b')
  expect(await poll('192.0.2.1', 'c')).toBe('undecided')
  await hold('192.0.2.2', 'a')
  await hold('192.0.2.3', 'a')
  expect(await poll('192.0.2.4', 'c')).toBe('undecided')
  expect(full).toEqual(['network', 'process'])

  polls.drain()
  expect(await Promise.all(held)).toEqual(['undecided', 'undecided', 'undecided', 'undecided'])
  expect(polls.count(), 'what was held is given back').toBe(0)
  expect(await poll('192.0.2.5', 'd'), 'and nothing is held by who closes').toBe('undecided')
  expect(full).toHaveLength(2)
})

verifies('N12', 'one client does not take all the room of the others', async () => {
  await using store = openSqliteStore({ path: ':memory:', clock: Date.now, sealing, onTampered: () => undefined })
  const full: (keyof HoldCaps)[] = []
  const polls = createHeldPolls({
    deviceCodes: store.deviceCodes,
    hold: 30_000,
    caps: { network: 100, client: 1, process: 100 },
    onEnd: () => undefined,
    onFull: (cap) => full.push(cap),
  })
  const poll = async (deviceCode: string, clientId: string, userCode: string) => {
    await store.deviceCodes.create(deviceCode, {}, 600_000, { userCode, phase: 'pending' })
    return polls.answer({
      ...{ deviceCode, clientId, network: '192.0.2.1', size: () => 300, life: 600_000, interval: 1_000 },
      isDecided: async () => false,
      onHeld: () => undefined,
      onHungUp: () => () => undefined,
    })
  }
  const first = poll('1', 'a', 'BBBBBBB1')
  await expect.poll(polls.count).toBe(1)
  expect(await poll('2', 'a', 'BBBBBBB2')).toBe('undecided')
  const other = poll('3', 'b', 'BBBBBBB3')
  await expect.poll(polls.count).toBe(2)
  expect(full).toEqual(['client'])
  polls.drain()
  await Promise.all([first, other])
})
