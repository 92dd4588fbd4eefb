// The one way to prove a store: every MUST of ../contract.ts, races included, for whatever holds the data. A backend's
// test is a harness and one call; see ../sqlite.test.ts. No test sleeps: time passes by the harness's elapse().

import { StoreUnavailableError } from '@gatehouse/service'
import { describe, expect, test, vi } from 'vitest'
import { ownStream, type SessionLimits, type SessionStore, type Signal, type StreamRead } from '../contract.ts'

export interface OpenedStore {
  readonly store: SessionStore
  /** Lets time pass for this store. */
  elapse(milliseconds: number): Promise<void> | void
  /** Another process with the same data, if there can be one. */
  openSecond?(): Promise<SessionStore>
}

export interface StoreHarness {
  /** A new, empty store. */
  open(limits: Partial<SessionLimits>): Promise<OpenedStore> | OpenedStore
}

interface Scene {
  readonly store: SessionStore
  /** The same store as seen by another process where there can be one, else itself. */
  readonly other: SessionStore
  elapse(milliseconds: number): Promise<void>
}

const minute = 60_000
const bytes = (text: string) => Buffer.from(text)

export function describeStore(name: string, harness: StoreHarness): void {
  const staged = (run: (scene: Scene) => Promise<void>, limits: Partial<SessionLimits> = {}) =>
    async function stage() {
      const opened = await harness.open(limits)
      const second = await opened.openSecond?.()
      try {
        await run({
          store: opened.store,
          other: second ?? opened.store,
          elapse: async (milliseconds) => opened.elapse(milliseconds),
        })
      } finally {
        await second?.close()
        await opened.store.close()
      }
    }

  describe(name, () => {
    describe('sessions', () => describeSessions(staged))
    describe('streams', () => describeStreams(staged))
    describe('bounds', () => describeBounds(staged))
    describe('signals', () => describeSignals(staged))
    test(
      'after closing, which can be done twice, everything is unavailable',
      staged(async ({ store }) => {
        await store.close()
        await store.close()
        const calls: Readonly<Record<string, () => Promise<unknown>>> = {
          ping: () => store.ping(),
          open: () => store.open('a', 'o', bytes('v')),
          use: () => store.use('a'),
          replace: () => store.replace('a', bytes('v')),
          end: () => store.end('a'),
          start: () => store.start('a', 's', bytes('o')),
          append: () => store.append('a', 's', bytes('v')),
          claim: () => store.claim('a', 's', 'r'),
          read: () => store.read('a', 's', '0-0'),
        }
        for (const [called, call] of Object.entries(calls)) {
          await expect(call(), called).rejects.toThrow(StoreUnavailableError)
        }
      }),
    )
  })
}

type Staged = (run: (scene: Scene) => Promise<void>, limits?: Partial<SessionLimits>) => () => Promise<void>

function describeSessions(staged: Staged): void {
  test(
    'a session is what was put in, on every process, until it ends',
    staged(async ({ store, other }) => {
      expect(await store.use('a')).toBeUndefined()
      expect(await store.open('a', 'ada', Buffer.from([0, 255, 10]))).toBe(true)
      expect(Buffer.from((await other.use('a')) ?? [])).toEqual(Buffer.from([0, 255, 10]))
      await other.replace('a', bytes('second'))
      expect(Buffer.from((await store.use('a')) ?? []).toString()).toBe('second')
      await store.append('a', ownStream, bytes('x'))
      await other.end('a')
      await other.end('a')
      expect(await store.use('a')).toBeUndefined()
      expect(await store.read('a', ownStream, '0-0')).toEqual({ kind: 'gone' })
      await store.replace('a', bytes('back'))
      expect(await store.use('a')).toBeUndefined()
      expect(await store.append('a', ownStream, bytes('x'))).toBeUndefined()
      expect(await store.claim('a', ownStream, 'r')).toBeUndefined()
      expect(await store.start('a', 's', bytes('o'))).toBe(false)
    }),
  )

  test(
    'a session lives for as long as it is used, and its events with it',
    staged(
      async ({ store, elapse }) => {
        await store.open('a', 'ada', bytes('v'))
        await store.append('a', ownStream, bytes('x'))
        for (let i = 0; i < 3; i += 1) {
          await elapse(20 * minute)
          expect(await store.use('a')).toBeDefined()
        }
        expect(eventsOf(await store.read('a', ownStream, '0-0'))).toEqual(['x'])
        await elapse(31 * minute)
        expect(await store.use('a')).toBeUndefined()
        expect(await store.read('a', ownStream, '0-0')).toEqual({ kind: 'gone' })
        await store.open('a', 'ada', bytes('v'))
        expect(eventsOf(await store.read('a', ownStream, '0-0'))).toEqual([])
      },
      { eventLife: 600 * minute },
    ),
  )

  test(
    'an owner has so many sessions; one that lay unused makes room, one in use does not',
    staged(
      async ({ store, other, elapse }) => {
        for (const id of ['a', 'b', 'c']) expect(await store.open(id, 'ada', bytes('v'))).toBe(true)
        expect(await other.open('d', 'ada', bytes('v'))).toBe(false)
        expect(await other.use('d')).toBeUndefined()
        expect(await other.open('d', 'bob', bytes('v'))).toBe(true)
        await elapse(4 * minute)
        for (const id of ['a', 'c']) await store.use(id)
        await elapse(2 * minute)
        expect(await other.open('e', 'ada', bytes('v'))).toBe(true)
        expect(await store.use('b')).toBeUndefined()
        for (const id of ['a', 'c', 'd', 'e']) expect(await store.use(id), id).toBeDefined()
        await store.end('a')
        expect(await store.open('f', 'ada', bytes('v'))).toBe(true)
        expect(await store.open('g', 'ada', bytes('v'))).toBe(false)
      },
      { perOwner: 3, evictable: 5 * minute },
    ),
  )

  test(
    'there are so many sessions in all, and what ended or expired makes room',
    staged(
      async ({ store, elapse }) => {
        for (const id of ['a', 'b', 'c']) expect(await store.open(id, id, bytes('v'))).toBe(true)
        expect(await store.open('d', 'd', bytes('v'))).toBe(false)
        await store.end('b')
        expect(await store.open('d', 'd', bytes('v'))).toBe(true)
        await elapse(31 * minute)
        for (const id of ['e', 'f', 'g']) expect(await store.open(id, id, bytes('v'))).toBe(true)
        expect(await store.open('h', 'h', bytes('v'))).toBe(false)
      },
      { total: 3 },
    ),
  )
}

function describeStreams(staged: Staged): void {
  test(
    'a stream is read in order, from any place, on every process, and is not mixed with others',
    staged(async ({ store, other }) => {
      await store.open('a', 'ada', bytes('v'))
      await store.start('a', 's', bytes('opening of s'))
      await store.start('a', 't', bytes('opening of t'))
      const positions: string[] = []
      for (let i = 0; i < 5; i += 1) {
        positions.push((await store.append('a', 's', bytes(`s${i}`))) ?? '')
        await other.append('a', 't', bytes(`t${i}`))
        await store.append('a', ownStream, bytes(`own${i}`))
      }
      expect(new Set(positions).size).toBe(5)
      for (const reading of [store, other]) {
        expect(eventsOf(await reading.read('a', 's', '0-0'))).toEqual(['s0', 's1', 's2', 's3', 's4'])
        const read = await reading.read('a', 's', positions[2] ?? '', { isEvent: true })
        expect(eventsOf(read)).toEqual(['s3', 's4'])
        expect(read).toMatchObject({ state: 'open', more: false, opening: expect.anything() })
        if (read.kind === 'events') {
          expect(Buffer.from(read.opening ?? []).toString()).toBe('opening of s')
          expect(eventsOf(await reading.read('a', 's', read.cursor))).toEqual([])
        }
        expect(eventsOf(await reading.read('a', ownStream, '0-0'))).toEqual(['own0', 'own1', 'own2', 'own3', 'own4'])
      }
    }),
  )

  test(
    'a place that never was, of another stream or of another session, is lost',
    staged(async ({ store }) => {
      for (const session of ['a', 'b']) {
        await store.open(session, 'ada', bytes('v'))
        await store.start(session, 's', bytes('o'))
        await store.start(session, 't', bytes('o'))
      }
      const s = (await store.append('a', 's', bytes('1'))) ?? ''
      const t = (await store.append('a', 't', bytes('2'))) ?? ''
      await store.append('b', 's', bytes('3'))
      expect(await store.read('a', 's', t, { isEvent: true })).toEqual({ kind: 'lost' })
      expect(await store.read('a', 't', s, { isEvent: true })).toEqual({ kind: 'lost' })
      expect(await store.read('a', 'nowhere', s)).toEqual({ kind: 'lost' })
      expect(await store.read('b', 't', t, { isEvent: true })).toEqual({ kind: 'lost' })
      for (const position of ['0-0', '1-1', '999999999999999-999999999', '999999999999999-0']) {
        expect(await store.read('a', 's', position, { isEvent: true }), position).toEqual({ kind: 'lost' })
      }
    }),
  )

  test(
    'a stream ends once, no matter who ends it, and takes nothing afterwards',
    staged(async ({ store, other }) => {
      await store.open('a', 'ada', bytes('v'))
      await store.start('a', 's', bytes('o'))
      await store.append('a', 's', bytes('one'))
      const ends = Array.from({ length: 8 }, (_, i) =>
        (i % 2 ? store : other).append('a', 's', bytes(`end ${i}`), { last: true }),
      )
      const kept = (await Promise.all(ends)).filter((position) => position !== undefined)
      expect(kept).toHaveLength(1)
      expect(await store.append('a', 's', bytes('more'))).toBeUndefined()
      const read = await other.read('a', 's', '0-0')
      expect(read).toMatchObject({ kind: 'events', state: 'ended' })
      expect(eventsOf(read)).toHaveLength(2)
      expect(await other.read('a', 's', kept[0] ?? '', { isEvent: true })).toMatchObject({ events: [], state: 'ended' })
    }),
  )

  test(
    'an empty event marks a place and is not read',
    staged(async ({ store }) => {
      await store.open('a', 'ada', bytes('v'))
      await store.start('a', 's', bytes('o'))
      const mark = (await store.append('a', 's', bytes(''))) ?? ''
      await store.append('a', 's', bytes('x'))
      expect(eventsOf(await store.read('a', 's', mark, { isEvent: true }))).toEqual(['x'])
      expect(eventsOf(await store.read('a', 's', '0-0'))).toEqual(['x'])
    }),
  )

  test(
    'the last one to claim a stream is its reader, and a mark parts what was before from what comes',
    staged(async ({ store, other }) => {
      await store.open('a', 'ada', bytes('v'))
      expect(await store.claim('a', ownStream, 'first', { mark: true })).toBeDefined()
      await store.append('a', ownStream, bytes('before'))
      const mark = (await other.claim('a', ownStream, 'second', { mark: true })) ?? ''
      await store.append('a', ownStream, bytes('after'))
      const read = await store.read('a', ownStream, mark, { isEvent: true })
      expect(read).toMatchObject({ reader: 'second' })
      expect(eventsOf(read)).toEqual(['after'])
    }),
  )

  test(
    'a long stream is read in parts, without a gap',
    staged(async ({ store }) => {
      await store.open('a', 'ada', bytes('v'))
      await store.start('a', 's', bytes('o'))
      const all = Array.from({ length: 450 }, (_, i) => `e${i}`)
      for (const [i, event] of all.entries()) await store.append('a', 's', bytes(event), { last: i === 449 })
      const seen: string[] = []
      let cursor = '0-0'
      for (let round = 0; round < 5; round += 1) {
        const read = await store.read('a', 's', cursor)
        if (read.kind !== 'events') throw new Error(read.kind)
        seen.push(...eventsOf(read))
        cursor = read.cursor
        if (read.state === 'ended') break
        expect(read.more).toBe(true)
      }
      expect(seen).toEqual(all)
    }),
  )
}

function describeBounds(staged: Staged): void {
  test(
    'a log keeps so many events, and says so to the one who comes too late',
    staged(
      async ({ store }) => {
        await store.open('a', 'ada', bytes('v'))
        await store.start('a', 's', bytes('o'))
        await store.start('a', 't', bytes('o'))
        const t = (await store.append('a', 't', bytes('t'))) ?? ''
        const positions: string[] = []
        for (let i = 0; i < 20; i += 1) positions.push((await store.append('a', 's', bytes(`${i}`))) ?? '')
        expect(await store.read('a', 's', positions[3] ?? '', { isEvent: true })).toEqual({ kind: 'lost' })
        expect(await store.read('a', 's', '0-0')).toEqual({ kind: 'lost' })
        // Nothing after these is missing: the one is still there, the other one was the last to go.
        expect(eventsOf(await store.read('a', 's', positions[17] ?? '', { isEvent: true }))).toEqual(['18', '19'])
        expect(eventsOf(await store.read('a', 's', positions[9] ?? '', { isEvent: true }))).toHaveLength(10)
        expect(eventsOf(await store.read('a', 't', t, { isEvent: true }))).toEqual([])
        await store.append('a', 't', bytes('late'))
        expect(eventsOf(await store.read('a', 't', t, { isEvent: true }))).toEqual(['late'])
      },
      { events: 10 },
    ),
  )

  test(
    'a log keeps so many bytes',
    staged(
      async ({ store }) => {
        await store.open('a', 'ada', bytes('v'))
        await store.start('a', 's', bytes('o'))
        const positions: string[] = []
        for (let i = 0; i < 10; i += 1) positions.push((await store.append('a', 's', bytes('x'.repeat(100)))) ?? '')
        expect(await store.read('a', 's', positions[0] ?? '')).toEqual({ kind: 'lost' })
        expect(eventsOf(await store.read('a', 's', positions[5] ?? ''))).toHaveLength(4)
      },
      { bytes: 450 },
    ),
  )

  test(
    'an event that is too large leaves a gap, and what comes after it can be had',
    staged(
      async ({ store }) => {
        await store.open('a', 'ada', bytes('v'))
        await store.start('a', 's', bytes('o'))
        const first = (await store.append('a', 's', bytes('1'))) ?? ''
        const large = (await store.append('a', 's', bytes('x'.repeat(101)))) ?? ''
        await store.append('a', 's', bytes('2'))
        expect(await store.read('a', 's', first, { isEvent: true })).toEqual({ kind: 'lost' })
        expect(eventsOf(await store.read('a', 's', large, { isEvent: true }))).toEqual(['2'])
      },
      { eventBytes: 100 },
    ),
  )

  test(
    'an old event goes with the next one, and a stream with its last event',
    staged(
      async ({ store, elapse }) => {
        await store.open('a', 'ada', bytes('v'))
        await store.start('a', 's', bytes('o'))
        const first = (await store.append('a', 's', bytes('1'))) ?? ''
        const last = (await store.append('a', 's', bytes('2'), { last: true })) ?? ''
        await elapse(2 * minute)
        await store.use('a')
        expect(eventsOf(await store.read('a', 's', first, { isEvent: true }))).toEqual(['2'])
        await store.append('a', ownStream, bytes('new'))
        expect(await store.read('a', 's', last, { isEvent: true })).toEqual({ kind: 'lost' })
        expect(eventsOf(await store.read('a', ownStream, '0-0'))).toEqual(['new'])
      },
      { eventLife: minute },
    ),
  )
}

function describeSignals(staged: Staged): void {
  test(
    'anyone who watches a session is told what happens to it, and to no other',
    staged(async ({ store, other }) => {
      await store.open('a', 'ada', bytes('v'))
      await store.open('b', 'ada', bytes('v'))
      const heard: [string, Signal][] = []
      const stop = [
        await other.watch('a', (signal) => heard.push(['a', signal])),
        await other.watch('b', (signal) => heard.push(['b', signal])),
        await store.watch('a', (signal) => heard.push(['again', signal])),
      ]
      await store.append('a', ownStream, bytes('x'))
      await vi.waitFor(() => expect(heard).toHaveLength(2))
      expect(heard).toEqual(
        expect.arrayContaining([
          ['a', { kind: 'changed' }],
          ['again', { kind: 'changed' }],
        ]),
      )
      heard.length = 0
      await store.mail('b', Buffer.from([0, 109, 255]))
      await vi.waitFor(() => expect(heard).toHaveLength(1))
      const [name, signal] = heard[0] ?? []
      expect([name, signal?.kind, signal?.kind === 'mail' && Buffer.from(signal.value)]).toEqual([
        'b',
        'mail',
        Buffer.from([0, 109, 255]),
      ])
      heard.length = 0
      await store.claim('a', ownStream, 'r')
      await store.end('a')
      await vi.waitFor(() => expect(heard).toHaveLength(4))
      expect(heard.filter(([, { kind }]) => kind === 'ended')).toHaveLength(2)
      for (const each of stop) each()
      for (const each of stop) each()
      heard.length = 0
      await store.append('b', ownStream, bytes('x'))
      const fresh = new Promise((resolve) => void other.watch('b', resolve).then(() => store.mail('b', bytes('last'))))
      await fresh
      expect(heard).toEqual([])
    }),
  )
}

function eventsOf(read: StreamRead): string[] {
  if (read.kind !== 'events') throw new Error(read.kind)
  return read.events.map(({ value }) => Buffer.from(value).toString())
}
