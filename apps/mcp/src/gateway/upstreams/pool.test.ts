import { expect, test } from 'vitest'
import type { Clock } from '../catalog/contract.ts'
import { UpstreamError } from './contract.ts'
import { createPool, type Pooled } from './pool.ts'

interface Fake extends Pooled {
  readonly key: string
  isClosed: boolean
}

function fakeClock(): Clock & { elapse(milliseconds: number): void } {
  let now = 0
  const timers = new Set<{ at: number; run: () => void }>()
  return {
    now: () => now,
    after(delay, run) {
      const timer = { at: now + delay, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    elapse(milliseconds) {
      const end = now + milliseconds
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
        if (!next) break
        timers.delete(next)
        now = next.at
        next.run()
      }
      now = end
    },
  }
}

function setUp({ max = 2, idle = 300_000, lifetime = 1_000_000 } = {}) {
  const clock = fakeClock()
  const opened: Fake[] = []
  const state = { fail: undefined as Error | undefined, open: 0, most: 0, closing: Promise.resolve() }
  const pool = createPool<Fake>({
    name: 'docs',
    max,
    idle,
    lifetime,
    clock,
    onerror: (error) => expect.unreachable(String(error)),
    async open(key) {
      if (state.fail) throw state.fail
      state.open += 1
      state.most = Math.max(state.most, state.open)
      const connection: Fake = {
        key,
        isClosed: false,
        async close() {
          if (connection.isClosed) return
          connection.isClosed = true
          await state.closing
          state.open -= 1
          connection.onclose?.()
        },
      }
      opened.push(connection)
      return connection
    },
  })
  return { pool, clock, opened, state, settled: () => new Promise(setImmediate) }
}

/** A request that is under way until `finish` is called. */
function underWay(pool: ReturnType<typeof setUp>['pool'], key: string) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<Fake>()
  const done = pool.use(key, (connection) => {
    begun.resolve(connection)
    return promise
  })
  done.catch(begun.reject)
  begun.promise.catch(() => undefined)
  return {
    begun: begun.promise,
    async finish() {
      resolve()
      await done
    },
  }
}

const refused = (fault: string, retryAfter?: number) =>
  expect.objectContaining({ name: 'UpstreamError', fault, ...(retryAfter !== undefined && { retryAfter }) })

test('those who ask for one key at the same time share one connection', async () => {
  const { pool, opened } = setUp()
  const keys = await Promise.all(Array.from({ length: 10 }, () => pool.use('a', async ({ key }) => key)))
  expect(keys).toEqual(Array.from({ length: 10 }, () => 'a'))
  expect(opened).toHaveLength(1)
  await pool.close()
  expect(opened[0]?.isClosed).toBe(true)
})

test('where all are taken, the one unused longest makes room, and there are never more than may be', async () => {
  const { pool, opened, clock, state, settled } = setUp()
  const closing = Promise.withResolvers<void>()
  state.closing = closing.promise
  await pool.use('a', async () => undefined)
  clock.elapse(1)
  await pool.use('b', async () => undefined)
  const third = pool.use('c', async ({ key }) => key)
  await settled()
  expect(opened.map(({ key, isClosed }) => [key, isClosed])).toEqual([
    ['a', true],
    ['b', false],
  ])
  closing.resolve()
  expect(await third).toBe('c')
  expect(state.most).toBe(2)
})

test('where all are in use, the answer is busy', async () => {
  const { pool, state } = setUp()
  const a = underWay(pool, 'a')
  const b = underWay(pool, 'b')
  await Promise.all([a.begun, b.begun])
  await expect(pool.use('c', async () => undefined)).rejects.toEqual(refused('busy', 1))
  await a.finish()
  await pool.use('c', async () => undefined)
  expect(state.most).toBe(2)
  await b.finish()
})

test('a connection is closed when it was unused for long, and not while a request is under way', async () => {
  const { pool, opened, clock } = setUp({ idle: 1_000 })
  const request = underWay(pool, 'a')
  await request.begun
  clock.elapse(5_000)
  expect(opened[0]?.isClosed).toBe(false)
  await request.finish()
  clock.elapse(999)
  expect(opened[0]?.isClosed).toBe(false)
  clock.elapse(1)
  await pool.close()
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([true])
})

test('a connection that is used often is closed after its lifetime', async () => {
  const { pool, opened, clock } = setUp({ idle: 1_000, lifetime: 3_000 })
  for (let n = 0; n < 4; n += 1) {
    await pool.use('a', async () => undefined)
    clock.elapse(900)
  }
  expect(opened[0]?.isClosed).toBe(true)
  await pool.use('a', async () => undefined)
  expect(opened).toHaveLength(2)
})

test('a connection that is too old goes on for who uses it, and others get another', async () => {
  const { pool, opened, clock } = setUp({ lifetime: 3_000 })
  const listening = underWay(pool, 'a')
  await listening.begun
  clock.elapse(3_000)
  expect(await pool.use('a', async (connection) => connection)).toBe(opened[1])
  expect(opened[0]?.isClosed).toBe(false)
  await listening.finish()
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([true, false])
})

test('an idle limit beyond what a timer can hold does not end a connection at once', async () => {
  const { pool, opened, clock } = setUp({ idle: 2 ** 32, lifetime: 2 ** 33 })
  await pool.use('a', async () => undefined)
  clock.elapse(2 ** 31)
  expect(opened[0]?.isClosed).toBe(false)
  clock.elapse(2 ** 32)
  expect(opened[0]?.isClosed).toBe(true)
})

test('after failures nothing is started for 1 s, doubling to 60 s, no matter who asks', async () => {
  const { pool, clock, state, opened } = setUp()
  state.fail = new Error('no such command')
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    await expect(pool.use('a', async () => undefined)).rejects.toThrow('no such command')
    await expect(pool.use('b', async () => undefined)).rejects.toEqual(refused('unreachable', seconds))
    clock.elapse(seconds * 1_000)
  }
  state.fail = undefined
  await pool.use('a', async () => undefined)
  expect(opened).toHaveLength(1)
})

test('a failure that is one owner’s keeps nobody else waiting', async () => {
  const { pool, state } = setUp()
  state.fail = new UpstreamError('docs', 'unauthorized', 'refused')
  await expect(pool.use('a', async () => undefined)).rejects.toThrow('refused')
  state.fail = undefined
  await expect(pool.use('a', async () => undefined)).rejects.toEqual(refused('unreachable', 1))
  await pool.use('b', async () => undefined)
})

test('a connection that ended by itself is not used again, and its owner waits before another', async () => {
  const { pool, opened, clock } = setUp()
  await pool.use('a', async () => undefined)
  opened[0]?.onclose?.()
  await expect(pool.use('a', async () => undefined)).rejects.toEqual(refused('unreachable', 1))
  await pool.use('b', async () => undefined)
  clock.elapse(1_000)
  expect(await pool.use('a', async (connection) => connection)).toBe(opened[2])
})

test('a connection that is forgotten is followed by another at once', async () => {
  const { pool, opened } = setUp()
  const first = await pool.use('a', async (connection) => connection)
  await pool.forget(first)
  expect(first.isClosed).toBe(true)
  expect(await pool.use('a', async (connection) => connection)).toBe(opened[1])
})

test('what hears of the end besides the pool goes on hearing', async () => {
  const calls: string[] = []
  const connection: Pooled = { close: async () => undefined, onclose: () => calls.push('heard') }
  const options = { name: 'docs', max: 1, idle: 1, lifetime: 1, clock: fakeClock(), onerror: () => undefined }
  const pool = createPool({ ...options, open: async () => connection })
  await pool.use('a', async () => undefined)
  connection.onclose?.()
  expect(calls).toEqual(['heard'])
})

test('closing ends what is being opened too, and refuses what comes later', async () => {
  const { pool, opened } = setUp()
  const request = underWay(pool, 'a')
  await pool.close()
  await request.finish().catch(() => undefined)
  expect(opened.every(({ isClosed }) => isClosed)).toBe(true)
  await expect(pool.use('a', async () => undefined)).rejects.toEqual(refused('unreachable'))
})
