import { expect, test } from 'vitest'
import { manualClock } from '../catalog/harness/fake-upstream.ts'
import { type FakeReplicas, fakeReplicas } from './harness/fake-replicas.ts'
import { createHoldings, type Instance } from './holdings.ts'

function scene() {
  const [replicas] = fakeReplicas(1) as [FakeReplicas]
  const released: string[] = []
  let fence = 0
  replicas.claim = async () => {
    fence += 1
    return { holder: replicas.self, fence }
  }
  replicas.release = async (key, by) => void released.push(`${key} ${by}`)
  const clock = manualClock()
  const instances = new Map<string, Instance>()
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
  expect(released, 'by the last lease').toEqual(['a 2'])
})

test('the last one gives it back, no matter who was given it last', async () => {
  const { open, use, released } = scene()
  const [before, after] = [open('before'), open('after')]
  expect([await use(before), await use(after)]).toEqual(['here', 'here'])
  await after.close()
  await before.close()
  expect(released).toEqual(['a 2'])
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
