import { expect, test } from 'vitest'
import { createVariants, mostVariants } from './variants.ts'

const ada = { issuer: 'https://auth.example.com', subject: 'github:1' }
const grace = { ...ada, subject: 'github:2' }
const life = 600_000
/** As a client may say it: what the protocol has, and something of its own. */
const own = (name: string | number) => ({
  elicitation: { form: { [name]: 1 }, url: {} },
  sampling: { tools: {} },
  roots: { listChanged: true, [name]: 1 },
  experimental: { [name]: {} },
  [name]: true,
})
const usual = { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: { listChanged: true } }

test('what is usual counts for nothing, in whatever order it is said', () => {
  const variants = createVariants(() => 0)
  for (let index = 0; index < mostVariants; index += 1) variants(ada, own(index))
  for (const said of [{}, usual, { roots: usual.roots, sampling: {}, elicitation: { url: {} } }, { elicitation: {} }])
    expect(variants(ada, said)).toEqual(said)
})

test('who says something else each time is heard as far as others would say the same, and keeps what was said before', () => {
  const variants = createVariants(() => 0)
  for (let index = 0; index < mostVariants; index += 1) expect(variants(ada, own(index))).toEqual(own(index))
  expect(variants(ada, own('one more'))).toEqual(usual)
  expect(variants(ada, { experimental: { x: 1 } })).toEqual({})
  expect(variants(ada, own(0))).toEqual(own(0))
  expect(variants(grace, own('one more')), 'of somebody else').toEqual(own('one more'))
})

test('what was not said for ten minutes makes room', () => {
  let now = 0
  const variants = createVariants(() => now)
  for (let index = 0; index < mostVariants; index += 1) variants(ada, own(index))
  now = life
  variants(ada, own(0))
  now = life + 1
  expect(variants(ada, own('new'))).toEqual(own('new'))
  for (let index = 1; index < mostVariants - 1; index += 1) variants(ada, own(index))
  expect(variants(ada, own('newer'))).toEqual(usual)
  expect(variants(ada, own(0))).toEqual(own(0))
})
