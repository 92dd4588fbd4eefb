import { expect, test } from 'vitest'
import { behalfOf } from './harness/fake-upstream.ts'
import { upstream } from './harness/scene.ts'
import { descriptionKey, listKey } from './keys.ts'

const ann = behalfOf('ann')
const able = (capabilities: object) => ({ ...ann, capabilities })

test('what an upstream is not told makes no other list of it', () => {
  const a = upstream('a', [])
  const padded = (n: number) => able({ experimental: { x: { n, pad: 'x'.repeat(9_000) } } })
  expect(listKey(a, 'tools', padded(1))).toBe(listKey(a, 'tools', padded(2)))
  expect(descriptionKey(a, padded(1))).toBe(descriptionKey(a, able({})))
})

test('who share a connection see one list, whatever each may be asked; who have their own may see another', () => {
  const shared = upstream('a', [], { isolation: 'shared' })
  expect(listKey(shared, 'tools', able({ roots: {} }))).toBe(listKey(shared, 'tools', able({})))
  const own = upstream('a', [])
  expect(listKey(own, 'tools', able({ extensions: { a: {} } }))).not.toBe(listKey(own, 'tools', able({})))
})
