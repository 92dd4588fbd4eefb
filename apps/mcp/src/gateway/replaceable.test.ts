import { expect, test } from 'vitest'
import { behalfOf, type FakeUpstream, fakeUpstream, manualClock } from './catalog/harness/fake-upstream.ts'
import { fingerprint } from './fingerprint.ts'
import { remoteSettings } from './harness/settings.ts'
import { createReplaceable } from './replaceable.ts'

const ada = behalfOf('dev:ada')
const list = { method: 'tools/list', params: {} }

/** One whose requests can be made to wait, and which says when it was closed. */
function scene() {
  const clock = manualClock()
  const closed: string[] = []
  const make = (name: string): FakeUpstream =>
    Object.assign(fakeUpstream(name), { close: async () => void closed.push(name) })
  const [first, second] = [make('first'), make('second')]
  const held = Promise.withResolvers<object>()
  const slow = { ...make('slow'), request: () => held.promise }
  return { clock, closed, first, second, slow, held, options: { clock, onerror: () => undefined } }
}

test('one at which nothing is under way is closed at once; what comes goes to the new one', async () => {
  const { closed, first, second, options } = scene()
  const upstream = createReplaceable(first, options)
  await upstream.request(list, ada)
  upstream.replace(second)
  expect(closed).toEqual(['first'])
  await upstream.request(list, ada)
  await upstream.describe(ada)
  expect([first.asked, second.asked]).toEqual([['tools/list'], ['tools/list', 'describe']])
  expect(upstream.settings.name).toBe('second')
})

test('one at which something is under way is closed when that has ended, with its answer', async () => {
  const { closed, slow, second, held, options } = scene()
  const upstream = createReplaceable(slow, options)
  const asked = upstream.request(list, ada)
  upstream.replace(second)
  await upstream.request(list, ada)
  expect(closed).toEqual([])
  held.resolve({ tools: ['old'] })
  expect(await asked).toEqual({ tools: ['old'] })
  expect(closed).toEqual(['slow'])
})

test('one that does not come to an end is closed after its time for a call', async () => {
  const { closed, clock, slow, second, options } = scene()
  const upstream = createReplaceable(slow, options)
  void upstream.request(list, ada)
  upstream.replace(second)
  await clock.elapse(599_000)
  expect(closed).toEqual([])
  await clock.elapse(2_000)
  expect(closed).toEqual(['slow'])
})

test('who listens hears that all may be different, and then the new one alone', async () => {
  const { first, second, options } = scene()
  const upstream = createReplaceable(first, options)
  const heard: string[] = []
  const stop = upstream.listen(ada, [], ({ method }) => void heard.push(method))
  upstream.replace(second)
  expect(heard).toEqual(['tools', 'prompts', 'resources'].map((kind) => `notifications/${kind}/list_changed`))
  expect([first.listeners.size, second.listeners.size]).toEqual([0, 1])
  second.say('notifications/tools/list_changed')
  expect(heard).toHaveLength(4)
  stop()
  expect(second.listeners.size).toBe(0)
})

test('one that nothing takes the place of is heard of no more, and is closed like any', async () => {
  const { closed, first, slow, held, options } = scene()
  const upstream = createReplaceable(first, options)
  upstream.listen(ada, [], () => undefined)
  upstream.replace(slow)
  const asked = upstream.request(list, ada)
  const retired = upstream.retire()
  expect(first.listeners.size + slow.listeners.size).toBe(0)
  held.resolve({})
  await Promise.all([asked, retired])
  expect(closed).toEqual(['first', 'slow'])
})

test('to close it is to close what is left of old ones, too, and each once', async () => {
  const { closed, slow, second, options } = scene()
  const upstream = createReplaceable(slow, options)
  void upstream.request(list, ada)
  upstream.replace(second)
  await upstream.close()
  expect(closed.toSorted()).toEqual(['second', 'slow'])
  await upstream.close()
  expect(closed).toHaveLength(2)
})

test('an upstream is the same while nothing of it changed: neither its settings, nor a secret, nor where that is', () => {
  const url = 'https://up.example/mcp'
  let secret = 'one'
  const read = (from: string) => Object.assign(() => secret, { from })
  const settings = (from = 'file a') => remoteSettings(url, { headers: { authorization: read(from) } })
  const first = fingerprint(settings())
  expect(fingerprint(settings())).toBe(first)
  expect(fingerprint(settings('env A'))).not.toBe(first)
  expect(fingerprint({ ...settings(), timeouts: { ...settings().timeouts, call: 1 } })).not.toBe(first)
  const { tools } = settings()
  expect(fingerprint({ ...settings(), tools: { ...tools, prefix: 'never' } }), "the endpoint's affair").toBe(first)
  expect(fingerprint({ ...settings(), tools: { ...tools, prefix: 'never', isPrefixFixed: true } })).not.toBe(first)
  secret = 'two'
  expect(fingerprint(settings())).not.toBe(first)
})
