import { expect, test } from 'vitest'
import {
  describeRing,
  emptyRing,
  joinRings,
  type KeyRing,
  publishedKeys,
  readRing,
  removeKeys,
  rotateRing,
  tendRing,
} from './key-ring.ts'
import { createSigningKey } from './signing-keys.ts'

const SECOND = 1_000
const DAY = 86_400 * SECOND
const NOW = Date.UTC(2026, 11, 1)
const lifetimes = { signingKey: 90 * 86_400, keySet: 300, accessToken: 600 }
const AHEAD = 900 * SECOND
/** From when the next key signs until a key is dropped. */
const RETIRED_AFTER = (600 + 60) * SECOND

const empty = emptyRing('ES256')
const read = (document: unknown) => readRing('ES256', document)
const tend = (ring: KeyRing, now: number) => tendRing(ring, now, lifetimes)
const kids = (ring: KeyRing, now: number) => publishedKeys(ring, now).map(({ kid }) => kid)
const signer = (ring: KeyRing, now: number) => kids(ring, now)[0]
const rotate = async (ring: KeyRing, now: number) => tend(rotateRing(ring, now, lifetimes), now)
const remove = async (ring: KeyRing, gone: readonly (string | undefined)[], now: number) =>
  tend(await removeKeys(ring, gone as string[], now), now)
const start = async (now = NOW) => {
  const ring = await tend(empty, now)
  const [first = '', second = ''] = kids(ring, now)
  return { ring, first, second }
}

/** A ring that has been in use for a while: nothing in it is new. */
async function settled() {
  const { ring, ...rest } = await start(NOW - 10 * DAY)
  return { ring: await tend(ring, NOW), ...rest }
}

test('a key is published for months, signs for ninety days, verifies its last tokens, and is dropped', async () => {
  const { ring, first, second } = await start()
  expect(signer(ring, NOW)).toBe(first)
  expect(await tend(ring, NOW + AHEAD), 'nothing to do').toEqual(ring)
  const turn = NOW + AHEAD + 90 * DAY
  expect(kids(ring, turn - SECOND)).toEqual([first, second])

  expect(signer(ring, turn), 'by the clock alone, without a write').toBe(second)
  const rotated = await tend(ring, turn)
  const [, , third] = kids(rotated, turn)
  expect(kids(rotated, turn)).toEqual([second, first, third])
  expect(describeRing(rotated, turn, lifetimes)).toMatchObject([
    { kid: first, state: 'retiring', signsUntil: turn / SECOND, retires: (turn + RETIRED_AFTER) / SECOND },
    { kid: second, state: 'signing', signsFrom: turn / SECOND },
    { kid: third, state: 'next', signsFrom: (turn + 90 * DAY) / SECOND },
  ])
  expect(await tend(rotated, turn + RETIRED_AFTER - SECOND)).toEqual(rotated)
  const retired = await tend(rotated, turn + RETIRED_AFTER)
  expect(kids(retired, turn + RETIRED_AFTER)).toEqual([second, third])
  expect(retired.removed).toEqual([])
})

test('what is published is a key and nothing else, and the first key has signed from when it was made', async () => {
  const { ring, first } = await start()
  expect(Object.keys(publishedKeys(ring, NOW)[0] ?? {}).sort()).toEqual(
    ['alg', 'crv', 'd', 'iat', 'kid', 'kty', 'use', 'x', 'y'].sort(),
  )
  expect(describeRing(ring, NOW, lifetimes)[0]).toMatchObject({ kid: first, state: 'signing', signsFrom: NOW / SECOND })
})

test('a ring of the algorithm of ID tokens has keys of that algorithm, which take turns likewise', async () => {
  const ring = await tend(emptyRing('RS256'), NOW)
  const [first, second] = publishedKeys(ring, NOW)
  expect([first, second].map((key) => [key?.kty, key?.alg])).toEqual([
    ['RSA', 'RS256'],
    ['RSA', 'RS256'],
  ])
  expect(describeRing(ring, NOW, lifetimes)).toMatchObject([
    { alg: 'RS256', state: 'signing' },
    { alg: 'RS256', state: 'next' },
  ])
  expect(signer(ring, NOW + AHEAD + 90 * DAY)).toBe(second?.kid)
})

test('what a release stored that knew no plan is read on: its oldest key signs until there is a known next one', async () => {
  const old = await createSigningKey('ES256', NOW - 400 * DAY)
  const newer = await createSigningKey('ES256', NOW - 300 * DAY)
  const ring = await tend(read({ keys: [newer, old] }), NOW)
  const [signs, next] = kids(ring, NOW)
  expect(signs).toBe(old.kid)
  expect(next).not.toBe(newer.kid)
  expect(signer(ring, NOW + AHEAD - SECOND)).toBe(old.kid)
  expect(signer(ring, NOW + AHEAD), 'it was overdue').toBe(next)
  const readByOld = { keys: [...ring.keys, newer] }
  expect(await tend(read(readByOld), NOW), 'a release without plan adds what it holds').toEqual(ring)
  expect(read(JSON.parse(JSON.stringify(ring)))).toEqual(ring)
})

test('a rotation by hand is at once, and the next one waits until everybody can know the key', async () => {
  const { ring, first, second } = await settled()
  const rotated = await rotate(ring, NOW)
  expect(signer(rotated, NOW)).toBe(second)
  expect(kids(rotated, NOW)).toContain(first)
  const [third] = describeRing(rotated, NOW, lifetimes).filter(({ state }) => state === 'next')

  const again = await rotate(rotated, NOW + 10 * SECOND)
  expect(signer(again, NOW + AHEAD - SECOND)).toBe(second)
  expect(signer(again, NOW + AHEAD)).toBe(third?.kid)
  expect(await rotate(again, NOW + 20 * SECOND), 'asked for once more').toEqual(again)
})

test('on the first day a rotation waits as well', async () => {
  const { ring, first, second } = await start()
  const rotated = await rotate(ring, NOW)
  expect(signer(rotated, NOW + AHEAD)).toBe(first)
  expect(signer(rotated, NOW + AHEAD + SECOND)).toBe(second)
})

test('of a key that is removed nothing is left, and the next one signs at once', async () => {
  const { ring, first, second } = await settled()
  const safe = await remove(ring, [first], NOW)
  expect(signer(safe, NOW)).toBe(second)
  expect(kids(safe, NOW)).toHaveLength(2)
  expect(JSON.stringify(safe.keys)).not.toContain(first)
  expect(safe.removed).toEqual([first])
})

test('a key that retires does not sign again when the one after it is removed', async () => {
  const { ring, first, second } = await settled()
  const rotated = await rotate(ring, NOW)
  const safe = await remove(rotated, [second], NOW + SECOND)
  expect(signer(safe, NOW + SECOND)).not.toBe(first)
  expect(kids(safe, NOW + SECOND)).toContain(first)
})

test('with all of them removed a new one signs, and has a next one', async () => {
  const { ring, first, second } = await settled()
  const safe = await remove(ring, [first, second], NOW)
  expect(kids(safe, NOW)).toHaveLength(2)
  expect(kids(safe, NOW)).not.toContain(first)
  expect(kids(safe, NOW)).not.toContain(second)
  expect(signer(safe, NOW)).toBe(signer(safe, NOW + 80 * DAY))
})

test('a next key that is removed is replaced, and the one that signs goes on', async () => {
  const { ring, first, second } = await settled()
  const safe = await remove(ring, [second], NOW)
  expect(signer(safe, NOW)).toBe(first)
  expect(kids(safe, NOW)).toHaveLength(2)
  expect(kids(safe, NOW)).not.toContain(second)
})

test('rings that are joined in any order, and again, end up the same', async () => {
  const { ring, first, second } = await settled()
  const rotated = await rotate(ring, NOW)
  const elsewhere = await rotate(ring, NOW + SECOND)
  const removed = await remove(ring, [first], NOW)
  const stranger = (await start()).ring
  const rings = [ring, rotated, elsewhere, removed, stranger]
  const joined = rings.reduce(joinRings)
  for (const order of permutations(rings)) {
    expect(order.reduce(joinRings)).toEqual(joined)
    expect(joinRings(joined, order[0] as KeyRing)).toEqual(joined)
  }
  expect(signer(joined, NOW), 'not one that only a replica of its own knows').toBe(second)
  expect(kids(joined, NOW)).not.toContain(first)
})

test('of replicas that make a next key at the same time none surprises the others', async () => {
  const { ring, first } = await start()
  const turn = NOW + AHEAD + 90 * DAY
  const [a, b] = await Promise.all([tend(ring, turn), tend(ring, turn)])
  const joined = joinRings(a, b)
  expect(kids(joined, turn)).toHaveLength(4)
  expect(await tend(joined, turn)).toEqual(joined)
  const after = await tend(joined, turn + 90 * DAY)
  expect(kids(joined, turn)).toContain(signer(after, turn + 90 * DAY))
  expect(kids(after, turn + 90 * DAY)).not.toContain(first)
})

test('a replica that slept through a retirement does not publish the key again', async () => {
  const { ring, first } = await start()
  const turn = NOW + AHEAD + 90 * DAY
  const later = turn + RETIRED_AFTER + DAY
  const awake = await tend(await tend(ring, turn), later)
  expect(kids(await tend(joinRings(awake, ring), later), later)).not.toContain(first)
  expect(await tend(joinRings(awake, ring), later)).toEqual(awake)
})

test('a clock that is set back leaves a key that signs, and one that verifies', async () => {
  const { ring, first, second } = await start()
  const turn = NOW + AHEAD + 90 * DAY
  const rotated = await tend(ring, turn)
  expect(signer(rotated, turn - 60 * SECOND)).toBe(first)
  expect(kids(rotated, turn - 60 * SECOND)).toContain(second)
  const retired = await tend(rotated, turn + RETIRED_AFTER)
  expect(signer(retired, NOW)).toBe(second)
})

function* permutations<T>(list: readonly T[]): Generator<readonly T[]> {
  if (list.length < 2) yield list
  for (const [index, each] of list.entries())
    for (const rest of permutations(list.toSpliced(index, 1))) yield [each, ...rest]
}
