import { expect, test } from 'vitest'
import { manualClock } from '../catalog/suites/fake-upstream.ts'
import { createHoldings } from './holdings.ts'
import { type FakeReplicas, fakeReplicas } from './suites/fake-replicas.ts'

function scene() {
  const [replicas] = fakeReplicas(1) as [FakeReplicas]
  const released: string[] = []
  replicas.release = async (key) => void released.push(key)
  const clock = manualClock()
  const instances = new Map<string, number>()
  const lost: string[] = []
  const open = (name: string) =>
    createHoldings({
      replicas,
      clock,
      instances,
      isOpen: () => false,
      leaveUnused: async () => undefined,
      onLost: () => void lost.push(name),
      onerror: (error) => expect.unreachable(String(error)),
    })
  const use = (holdings: ReturnType<typeof open>) =>
    holdings.with(
      'a',
      async () => 'here',
      async () => 'there',
    )
  return { replicas, clock, open, use, released, lost }
}

test('one that ends leaves what another of the same process goes on with', async () => {
  const { open, use, released } = scene()
  const [before, after] = [open('before'), open('after')]
  expect([await use(before), await use(after)]).toEqual(['here', 'here'])
  await before.close()
  expect(released).toEqual([])
  await after.close()
  expect(released).toEqual(['a'])
})

test('a lease that is somebody else’s without a word ends what was held', async () => {
  const { replicas, clock, open, use, lost } = scene()
  const holdings = open('one')
  let isOver = false
  const using = holdings.with(
    'a',
    (signal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          isOver = true
          resolve()
        })
      }),
    async () => undefined,
  )
  replicas.renew = async (keys) => keys
  await clock.elapse(60_000)
  await using
  expect([isOver, lost]).toEqual([true, ['one']])
  expect(await use(holdings)).toBe('here')
})
