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

const oneSecond = 1_000
const day = 86_400 * oneSecond
const startTime = Date.UTC(2026, 11, 1)
const lifetimes = { signingKey: 90 * 86_400, keySet: 300, accessToken: 600 }
const ahead = 900 * oneSecond
/** From when the next key signs until a key is dropped. */
const retiredAfter = (600 + 60) * oneSecond

const empty = emptyRing('ES256')
const read = (document: unknown) => readRing('ES256', document)
const tend = (ring: KeyRing, now: number) => tendRing(ring, now, lifetimes)
const kids = (ring: KeyRing, now: number) => publishedKeys(ring, now).map(({ kid }) => kid)
const signer = (ring: KeyRing, now: number) => kids(ring, now)[0]
const rotate = async (ring: KeyRing, now: number) => tend(rotateRing(ring, now, lifetimes), now)
const remove = async (ring: KeyRing, gone: readonly (string | undefined)[], now: number) =>
  tend(await removeKeys(ring, gone as string[], now), now)
const start = async (now = startTime) => {
  const ring = await tend(empty, now)
  const [first = '', second = ''] = kids(ring, now)
  return { ring, first, second }
}

/** A ring that has been in use for a while: nothing in it is new. */
async function settled() {
  const { ring, ...rest } = await start(startTime - 10 * day)
  return { ring: await tend(ring, startTime), ...rest }
}

test('a key is published for months, signs for ninety days, verifies its last tokens, and is dropped', async () => {
  const { ring, first, second } = await start()
  expect(signer(ring, startTime)).toBe(first)
  expect(await tend(ring, startTime + ahead), 'nothing to do').toEqual(ring)
  const turn = startTime + ahead + 90 * day
  expect(kids(ring, turn - oneSecond)).toEqual([first, second])

  expect(signer(ring, turn), 'by the clock alone, without a write').toBe(second)
  const rotated = await tend(ring, turn)
  const [, , third] = kids(rotated, turn)
  expect(kids(rotated, turn)).toEqual([second, first, third])
  expect(describeRing(rotated, turn, lifetimes)).toMatchObject([
    { kid: first, state: 'retiring', signsUntil: turn / oneSecond, retires: (turn + retiredAfter) / oneSecond },
    { kid: second, state: 'signing', signsFrom: turn / oneSecond },
    { kid: third, state: 'next', signsFrom: (turn + 90 * day) / oneSecond },
  ])
  expect(await tend(rotated, turn + retiredAfter - oneSecond)).toEqual(rotated)
  const retired = await tend(rotated, turn + retiredAfter)
  expect(kids(retired, turn + retiredAfter)).toEqual([second, third])
  expect(retired.removed).toEqual([])
})

test('what is published is a key and nothing else, and the first key has signed from when it was made', async () => {
  const { ring, first } = await start()
  expect(Object.keys(publishedKeys(ring, startTime)[0] ?? {}).sort()).toEqual(
    ['alg', 'crv', 'd', 'iat', 'kid', 'kty', 'use', 'x', 'y'].sort(),
  )
  expect(describeRing(ring, startTime, lifetimes)[0]).toMatchObject({
    kid: first,
    state: 'signing',
    signsFrom: startTime / oneSecond,
  })
})

test('a ring of the algorithm of ID tokens has keys of that algorithm, which take turns likewise', async () => {
  const ring = await tend(emptyRing('RS256'), startTime)
  const [first, second] = publishedKeys(ring, startTime)
  expect([first, second].map((key) => [key?.kty, key?.alg])).toEqual([
    ['RSA', 'RS256'],
    ['RSA', 'RS256'],
  ])
  expect(describeRing(ring, startTime, lifetimes)).toMatchObject([
    { alg: 'RS256', state: 'signing' },
    { alg: 'RS256', state: 'next' },
  ])
  expect(signer(ring, startTime + ahead + 90 * day)).toBe(second?.kid)
})

test('what a release stored that knew no plan is read on: its oldest key signs until there is a known next one', async () => {
  const old = await createSigningKey('ES256', startTime - 400 * day)
  const newer = await createSigningKey('ES256', startTime - 300 * day)
  const ring = await tend(read({ keys: [newer, old] }), startTime)
  const [signs, next] = kids(ring, startTime)
  expect(signs).toBe(old.kid)
  expect(next).not.toBe(newer.kid)
  expect(signer(ring, startTime + ahead - oneSecond)).toBe(old.kid)
  expect(signer(ring, startTime + ahead), 'it was overdue').toBe(next)
  const readByOld = { keys: [...ring.keys, newer] }
  expect(await tend(read(readByOld), startTime), 'a release without plan adds what it holds').toEqual(ring)
  expect(read(JSON.parse(JSON.stringify(ring)))).toEqual(ring)
})

test('a rotation by hand is at once, and the next one waits until everybody can know the key', async () => {
  const { ring, first, second } = await settled()
  const rotated = await rotate(ring, startTime)
  expect(signer(rotated, startTime)).toBe(second)
  expect(kids(rotated, startTime)).toContain(first)
  const [third] = describeRing(rotated, startTime, lifetimes).filter(({ state }) => state === 'next')

  const again = await rotate(rotated, startTime + 10 * oneSecond)
  expect(signer(again, startTime + ahead - oneSecond)).toBe(second)
  expect(signer(again, startTime + ahead)).toBe(third?.kid)
  expect(await rotate(again, startTime + 20 * oneSecond), 'asked for once more').toEqual(again)
})

test('on the first day a rotation waits as well', async () => {
  const { ring, first, second } = await start()
  const rotated = await rotate(ring, startTime)
  expect(signer(rotated, startTime + ahead)).toBe(first)
  expect(signer(rotated, startTime + ahead + oneSecond)).toBe(second)
})

test('of a key that is removed nothing is left, and the next one signs at once', async () => {
  const { ring, first, second } = await settled()
  const safe = await remove(ring, [first], startTime)
  expect(signer(safe, startTime)).toBe(second)
  expect(kids(safe, startTime)).toHaveLength(2)
  expect(JSON.stringify(safe.keys)).not.toContain(first)
  expect(safe.removed).toEqual([first])
})

test('a key that retires does not sign again when the one after it is removed', async () => {
  const { ring, first, second } = await settled()
  const rotated = await rotate(ring, startTime)
  const safe = await remove(rotated, [second], startTime + oneSecond)
  expect(signer(safe, startTime + oneSecond)).not.toBe(first)
  expect(kids(safe, startTime + oneSecond)).toContain(first)
})

test('with all of them removed a new one signs, and has a next one', async () => {
  const { ring, first, second } = await settled()
  const safe = await remove(ring, [first, second], startTime)
  expect(kids(safe, startTime)).toHaveLength(2)
  expect(kids(safe, startTime)).not.toContain(first)
  expect(kids(safe, startTime)).not.toContain(second)
  expect(signer(safe, startTime)).toBe(signer(safe, startTime + 80 * day))
})

test('a next key that is removed is replaced, and the one that signs goes on', async () => {
  const { ring, first, second } = await settled()
  const safe = await remove(ring, [second], startTime)
  expect(signer(safe, startTime)).toBe(first)
  expect(kids(safe, startTime)).toHaveLength(2)
  expect(kids(safe, startTime)).not.toContain(second)
})

test('rings that are joined in any order, and again, end up the same', async () => {
  const { ring, first, second } = await settled()
  const rotated = await rotate(ring, startTime)
  const elsewhere = await rotate(ring, startTime + oneSecond)
  const removed = await remove(ring, [first], startTime)
  const stranger = (await start()).ring
  const rings = [ring, rotated, elsewhere, removed, stranger]
  const joined = rings.reduce(joinRings)
  for (const order of permutations(rings)) {
    expect(order.reduce(joinRings)).toEqual(joined)
    expect(joinRings(joined, order[0] as KeyRing)).toEqual(joined)
  }
  expect(signer(joined, startTime), 'not one that only a replica of its own knows').toBe(second)
  expect(kids(joined, startTime)).not.toContain(first)
})

test('of replicas that make a next key at the same time none surprises the others', async () => {
  const { ring, first } = await start()
  const turn = startTime + ahead + 90 * day
  const [a, b] = await Promise.all([tend(ring, turn), tend(ring, turn)])
  const joined = joinRings(a, b)
  expect(kids(joined, turn)).toHaveLength(4)
  expect(await tend(joined, turn)).toEqual(joined)
  const after = await tend(joined, turn + 90 * day)
  expect(kids(joined, turn)).toContain(signer(after, turn + 90 * day))
  expect(kids(after, turn + 90 * day)).not.toContain(first)
})

test('a replica that slept through a retirement does not publish the key again', async () => {
  const { ring, first } = await start()
  const turn = startTime + ahead + 90 * day
  const later = turn + retiredAfter + day
  const awake = await tend(await tend(ring, turn), later)
  expect(kids(await tend(joinRings(awake, ring), later), later)).not.toContain(first)
  expect(await tend(joinRings(awake, ring), later)).toEqual(awake)
})

test('a clock that is set back leaves a key that signs, and one that verifies', async () => {
  const { ring, first, second } = await start()
  const turn = startTime + ahead + 90 * day
  const rotated = await tend(ring, turn)
  expect(signer(rotated, turn - 60 * oneSecond)).toBe(first)
  expect(kids(rotated, turn - 60 * oneSecond)).toContain(second)
  const retired = await tend(rotated, turn + retiredAfter)
  expect(signer(retired, startTime)).toBe(second)
})

function* permutations<T>(list: readonly T[]): Generator<readonly T[]> {
  if (list.length < 2) yield list
  for (const [index, each] of list.entries())
    for (const rest of permutations(list.toSpliced(index, 1))) yield [each, ...rest]
}
