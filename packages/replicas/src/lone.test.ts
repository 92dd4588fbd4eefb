import { expect, test } from 'vitest'
import { createLoneReplica } from './lone.ts'
import { describeReplicas } from './suites/replicas-suite.ts'

describeReplicas('a lone replica', { open: async () => [createLoneReplica({ now: Date.now })] }, { isAlone: true })

test('values have an end, and there are so many of them', async () => {
  let now = 0
  const replica = createLoneReplica({ now: () => now })
  await replica.put('short', Buffer.from('x'), 10)
  await replica.put('long', Buffer.from('x'), 1_000)
  now = 10
  expect(await replica.get('short')).toBeUndefined()
  expect(await replica.get('long')).toBeDefined()
  for (let count = 0; count < 10_000; count += 1) await replica.put(`k${count}`, Buffer.from('x'), 1_000)
  expect(await replica.get('long')).toBeUndefined()
})
