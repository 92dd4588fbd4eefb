import { expect, test } from 'vitest'
import type { Catalog } from '../catalog/contract.ts'
import { testClient } from '../harness/clients.ts'
import type { Behalf, Notification, Upstream } from '../upstreams/contract.ts'
import { behalfOf } from './client.ts'
import { createNews } from './news.ts'

function scene(mayHear: (found: unknown, behalf: Behalf) => boolean = () => true) {
  const open = new Set<{ uris: readonly string[]; hear(notification: Notification): void }>()
  const told: Notification[] = []
  const ends = new Set<() => void>()
  const upstream = {
    settings: { name: 'docs' },
    listen(_behalf: unknown, uris: readonly string[], hear: (notification: Notification) => void) {
      const one = { uris, hear }
      open.add(one)
      return () => void open.delete(one)
    },
  } as unknown as Upstream
  const catalog = {
    watch: () => () => undefined,
    findResource: async (uri: string) => ({ upstream, uri, by: 'only' }),
  } as unknown as Catalog
  const closed = new Set<string>()
  const news = createNews({
    isOpenTo: (found, behalf) => !closed.has(found.uri) && mayHear(found, behalf),
    catalog,
    onerror: (error) => expect.unreachable(String(error)),
    quiet: { lists: 1_000_000, subscriptions: 1_000_000 },
  })
  const session = {
    key: 'k',
    onEnd(ended: () => void) {
      ends.add(ended)
      return () => void ends.delete(ended)
    },
    announce: async (notification: Notification) => {
      told.push(notification)
      return true
    },
  } as never
  const behalf = behalfOf(testClient('2025'))
  const update = (uri: string) => {
    for (const { hear } of open) hear({ method: 'notifications/resources/updated', params: { uri } })
  }
  return { news, session, upstream, behalf, open, told, update, ends, closed }
}

test('a session has one listener an upstream, for all that it subscribed to', () => {
  const { news, session, upstream, behalf, open, told, update } = scene()
  for (const uri of ['a:1', 'a:2', 'a:1'])
    expect(news.subscribe(session, uri, { upstream, uri: uri }, behalf)).toBe(true)
  expect([...open].map(({ uris }) => uris)).toEqual([['a:1', 'a:2']])
  news.unsubscribe(session, 'a:1')
  expect([...open].map(({ uris }) => uris)).toEqual([['a:2']])
  update('a:1')
  update('a:2')
  expect(told.map(({ params }) => params?.uri)).toEqual(['a:2'])
  news.unsubscribe(session, 'a:2')
  expect(open.size).toBe(0)
  news.close()
})

test('what a session may hear of is judged by who it is of its last request, not by who it was when it subscribed', async () => {
  const { session, upstream, behalf, told, update, news } = scene(
    (_, { granted }) => granted.groups?.includes('finance') === true,
  )
  const inGroups = (...groups: string[]) => ({ ...behalf, granted: { ...behalf.granted, groups } })
  news.subscribe(session, 'a:1', { upstream, uri: 'a:1' }, inGroups('finance'))
  update('a:1')
  await new Promise(setImmediate)
  news.used(session, inGroups())
  update('a:1')
  await new Promise(setImmediate)
  expect(told).toHaveLength(1)
  news.close()
})

test('a session that is ended elsewhere hears no more', () => {
  const { news, session, upstream, behalf, open, ends } = scene()
  news.subscribe(session, 'a:1', { upstream, uri: 'a:1' }, behalf)
  expect(open.size).toBe(1)
  for (const end of ends) end()
  expect(open.size).toBe(0)
  expect(ends.size).toBe(0)
})

test('a session subscribes to so many, of such a length, and is told where it cannot', () => {
  const { news, session, upstream, behalf } = scene()
  expect(news.subscribe(session, `a:${'x'.repeat(2_048)}`, { upstream, uri: `a:${'x'.repeat(2_048)}` }, behalf)).toBe(
    false,
  )
  for (let count = 0; count < 200; count += 1)
    expect(news.subscribe(session, `a:${count}`, { upstream, uri: `a:${count}` }, behalf)).toBe(true)
  expect(news.subscribe(session, 'a:200', { upstream, uri: 'a:200' }, behalf)).toBe(false)
  news.close()
})

test('a resource is called what the client calls it', () => {
  const { news, session, upstream, behalf, open, told, update } = scene()
  news.subscribe(session, 'gatehouse+docs:a:1', { upstream, uri: 'a:1' }, behalf)
  expect([...open].map(({ uris }) => uris)).toEqual([['a:1']])
  update('a:1')
  expect(told.map(({ params }) => params?.uri)).toEqual(['gatehouse+docs:a:1'])
  news.unsubscribe(session, 'gatehouse+docs:a:1')
  expect(open.size).toBe(0)
})

test('nobody hears of a resource that is closed to them by now, or was before', async () => {
  const { news, session, upstream, behalf, open, told, update, closed } = scene()
  closed.add('a:2')
  const heard: unknown[] = []
  const stop = news.busFor(behalf, ['a:1', 'a:2']).subscribe((event) => void heard.push(event))
  await expect.poll(() => [...open].map(({ uris }) => uris)).toEqual([['a:1']])
  news.subscribe(session, 'a:1', { upstream, uri: 'a:1' }, behalf)
  update('a:1')
  closed.add('a:1')
  update('a:1')
  expect([heard, told.length]).toEqual([[{ kind: 'resource_updated', uri: 'a:1' }], 1])
  stop()
  news.close()
})

test('a stream has one listener an upstream, too', async () => {
  const { news, behalf, open, update } = scene()
  const heard: unknown[] = []
  const stop = news.busFor(behalf, ['a:1', 'a:2']).subscribe((event) => void heard.push(event))
  await expect.poll(() => [...open].map(({ uris }) => uris)).toEqual([['a:1', 'a:2']])
  update('a:2')
  update('a:3')
  expect(heard).toEqual([{ kind: 'resource_updated', uri: 'a:2' }])
  stop()
  expect(open.size).toBe(0)
})
