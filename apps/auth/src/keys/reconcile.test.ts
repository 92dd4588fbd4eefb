import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../errors.ts'
import { emptyRing, joinRings, type KeyRing, publishedKeys, removeKeys, rotateRing, tendRing } from './key-ring.ts'
import { type KeyDocuments, reconcileKeys } from './reconcile.ts'

const startTime = Date.UTC(2026, 11, 1)
const minute = 60_000
const day = 24 * 60 * minute
const lifetimes = { signingKey: 90 * 86_400, keySet: 300, accessToken: 600 }
/** When the second key signs, and a third one is missing. */
const turnTime = startTime + 15 * minute + 90 * day

/** One document, which can be lost, kept from everybody, and have callers wait for their turn. */
function createScene() {
  const scene = {
    stored: undefined as unknown,
    puts: 0,
    away: false,
    turn: async (_caller: string): Promise<void> => undefined,
    documentsOf: (caller: string): KeyDocuments => {
      const call = async <T>(run: () => T): Promise<T> => {
        await scene.turn(caller)
        if (scene.away) throw new StoreUnavailableError()
        return structuredClone(run())
      }
      return {
        get: () => call(() => scene.stored),
        put: (_name, value) =>
          call(() => {
            scene.puts += 1
            scene.stored = value
          }),
        putIfAbsent: (_name, value) =>
          call(() => {
            scene.stored ??= value
            return scene.stored
          }),
      }
    },
    /** A process that holds keys, and looks after them when told to. */
    replica: (name = 'replica') => {
      const replica = {
        ring: emptyRing('ES256'),
        written: [] as string[],
        look: async (now = startTime) => {
          replica.ring = await reconcileKeys(replica.ring, {
            documents: scene.documentsOf(name),
            now,
            lifetimes,
            onWritten: (what) => replica.written.push(what),
          })
          return kids(replica.ring, now)
        },
      }
      return replica
    },
  }
  return scene
}

const kids = (ring: KeyRing, now = startTime) => publishedKeys(ring, now).map(({ kid }) => kid)

test('the first start makes a key that signs and a next one, and later ones use them', async () => {
  const scene = createScene()
  const first = scene.replica()
  const keys = await first.look()
  expect(keys).toHaveLength(2)
  expect(first.ring.keys[0]).toEqual({
    kty: 'EC',
    crv: 'P-256',
    x: expect.any(String),
    y: expect.any(String),
    d: expect.any(String),
    kid: keys[0],
    use: 'sig',
    alg: 'ES256',
    iat: startTime / 1000,
    signs_from: startTime / 1000 + 900,
  })
  const later = scene.replica()
  expect(await later.look(startTime + 1)).toEqual(keys)
  expect(await first.look(startTime + 2)).toEqual(keys)
  expect([first.written, later.written]).toEqual([['made'], []])
})

test('nothing is written while nothing changes', async () => {
  const scene = createScene()
  const replica = scene.replica()
  for (const minutes of [0, 1, 5, 20, 600]) await replica.look(startTime + minutes * minute)
  expect(scene.puts).toBe(0)
})

test('of replicas that start at the same time all use the same keys', async () => {
  const scene = createScene()
  const all = await Promise.all(Array.from({ length: 8 }, () => scene.replica().look()))
  expect(new Set(all.map(String)).size).toBe(1)
})

test('a store that lost its data gets the held keys back, and which ones were removed', async () => {
  const scene = createScene()
  const [holding, asleep, fresh] = [scene.replica(), scene.replica(), scene.replica()]
  const [gone = ''] = await holding.look()
  await asleep.look()
  holding.ring = await removeKeys(holding.ring, [gone], startTime)
  const keys = await holding.look()

  scene.stored = undefined
  expect(await holding.look()).toEqual(keys)
  expect(holding.written).toEqual(['made', 'written_back'])
  expect(await asleep.look(), 'it held the removed one').toEqual(keys)
  expect(await fresh.look()).toEqual(keys)
  expect(fresh.ring.removed).toEqual([gone])
})

test('a store that lost its data and got other keys meanwhile is joined: what everybody knows goes on signing', async () => {
  const scene = createScene()
  const [holding, fresh] = [scene.replica(), scene.replica()]
  const held = await holding.look()
  scene.stored = undefined
  const later = startTime + 60 * minute
  const made = await fresh.look(later)
  expect(made).not.toContain(held[0])
  const joined = await holding.look(later)
  expect(joined[0]).toBe(held[0])
  expect(joined).toEqual(expect.arrayContaining([...held, ...made]))
  expect(await fresh.look(later)).toEqual(joined)
})

test('a store that is away in the middle of a rotation costs no key and leaves none that nobody knows', async () => {
  const scene = createScene()
  const replica = scene.replica()
  const [first, second] = await replica.look()
  let calls = 0
  scene.turn = async () => {
    calls += 1
    scene.away = calls > 1
  }
  await expect(replica.look(turnTime), 'the write fails').rejects.toThrow(StoreUnavailableError)
  expect(calls).toBe(2)
  expect(kids(replica.ring, turnTime), 'by the clock').toEqual([second, first])
  scene.turn = async () => undefined
  scene.away = false
  const [signs, , next] = await replica.look(turnTime)
  expect([signs, next]).toEqual([second, expect.any(String)])
  expect(await scene.replica().look(turnTime)).toEqual(await replica.look(turnTime))
})

const operators = {
  'removes the key that signs': (ring: KeyRing) => removeKeys(ring, kids(ring, turnTime).slice(0, 1), turnTime),
  'lets the next one sign': async (ring: KeyRing) => rotateRing(ring, turnTime, lifetimes),
}

test.each(Object.entries(operators))(
  'whatever the order in which two replicas rotate and an operator %s, all agree afterwards and nothing is undone',
  async (_, operate) => {
    const orders = [...interleavings({ a: 2, b: 2, operator: 2 })]
    expect(orders).toHaveLength(90)
    const writes: number[] = []
    for (const order of orders) writes.push(await race(order, operate))
    expect(Math.max(...writes), 'in some of them all three write').toBe(3)
  },
)

/** All three read and write once, in the given order. Returns how many wrote. */
async function race(order: readonly string[], operate: (ring: KeyRing) => Promise<KeyRing>): Promise<number> {
  const scene = createScene()
  const { a, b, operator } = { a: scene.replica('a'), b: scene.replica('b'), operator: scene.replica('operator') }
  await a.look()
  await b.look()
  operator.ring = await operate(await tendRing(a.ring, turnTime, lifetimes))
  const wanted = operator.ring
  await inOrder(scene, order, { a: a.look, b: b.look, operator: operator.look })
  const writes = scene.puts

  // the operator's command stays for as long as it takes that each replica looks once, and no longer
  for (const { look } of [operator, a, b]) await look(turnTime)
  operator.ring = emptyRing('ES256')
  for (const { look } of [a, b, a]) await look(turnTime)
  expect(a.ring, order.join()).toEqual(b.ring)
  expect(a.ring, order.join()).toEqual(scene.stored)
  expect(joinRings(a.ring, wanted), order.join()).toEqual(a.ring)
  return writes
}

async function inOrder(
  scene: ReturnType<typeof createScene>,
  order: readonly string[],
  looks: Readonly<Record<string, (now: number) => Promise<unknown>>>,
): Promise<void> {
  const waiting = new Map<string, () => void>()
  scene.turn = (caller) => new Promise((resolve) => waiting.set(caller, resolve))
  const working = new Set(Object.keys(looks))
  const done = Object.entries(looks).map(([caller, look]) => look(turnTime).finally(() => working.delete(caller)))
  const untilItWaits = async (caller: string) => {
    while (!waiting.has(caller) && working.has(caller)) await nextTurn()
  }
  for (const caller of order) {
    await untilItWaits(caller)
    waiting.get(caller)?.()
    waiting.delete(caller)
    await untilItWaits(caller)
  }
  await Promise.all(done)
  scene.turn = async () => undefined
}

function* interleavings(left: Readonly<Record<string, number>>): Generator<readonly string[]> {
  const callers = Object.keys(left).filter((caller) => (left[caller] ?? 0) > 0)
  if (callers.length === 0) yield []
  for (const caller of callers)
    for (const rest of interleavings({ ...left, [caller]: (left[caller] ?? 0) - 1 })) yield [caller, ...rest]
}
