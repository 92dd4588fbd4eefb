import { randomUUID } from 'node:crypto'
import { openRedisReplicas } from '@gatehouse/replicas'
import { inSpan, openTracing, readTracingSettings } from '@gatehouse/service'
import { startOtlpCollector, startTestProxy, startTestRedis, type TestProxy, type TestRedis } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { NotBegunError, ReplicaLostError } from './call-errors.ts'
import { type Calls, createCalls } from './calls.ts'
import type { Company } from './parties.ts'
import { createSealedMail } from './sealed-mail.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startTestRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

/** Milliseconds. */
const shortLife = 1_500

interface Pair extends AsyncDisposable {
  readonly caller: Calls
  readonly doer: Calls
  /** How far it is to Redis for each. */
  readonly ways: { readonly caller: TestProxy; readonly doer: TestProxy }
  /** What the caller sent was answered. */
  quiet(): Promise<unknown>
  /** Has the doer do it. */
  run(operation: string, company?: Partial<Company>, input?: unknown): Promise<unknown>
}

async function pair(life = shortLife): Promise<Pair> {
  const prefix = `mcp:test-${randomUUID()}:`
  const errors: Error[] = []
  async function member() {
    const way = await startTestProxy(redis.url)
    const replicas = openRedisReplicas({ connection: way.url, prefix, life })
    await expect.poll(() => replicas.claim('ready').then(() => true, String)).toBe(true)
    const mail = createSealedMail(['a secret for tests, and for nothing else'])
    return { way, replicas, calls: createCalls({ replicas, mail, onerror: (error) => void errors.push(error) }) }
  }
  const [one, other] = [await member(), await member()]
  const nobody: Company = {
    signal: new AbortController().signal,
    hear: () => undefined,
    ask: async () => undefined,
  }
  return {
    caller: one.calls,
    doer: other.calls,
    ways: { caller: one.way, doer: other.way },
    quiet: () => one.replicas.isAlive('x'),
    run: (operation, company = {}, input = {}) =>
      one.calls.call(other.replicas.self, operation, input, { ...nobody, ...company }),
    async [Symbol.asyncDispose]() {
      for (const { calls, replicas, way } of [one, other]) {
        calls.close()
        await replicas.close()
        await way[Symbol.asyncDispose]()
      }
    },
  }
}

const outcomeOf = (promise: Promise<unknown>) =>
  promise.then(
    (result) => result,
    (error: unknown) => error,
  )

test('a call that may or may not have been sent is done once', async () => {
  await using both = await pair(20_000)
  let runs = 0
  both.doer.serve('count', async (_input, caller) => {
    await caller.begin()
    runs += 1
    return runs
  })
  let lostWhileRunning = 0
  for (let n = 1; n <= 20; n += 1) {
    await both.quiet()
    both.ways.caller.loseAnswers()
    const running = both.run('count')
    // where something else lost its answer first, the call is not sent before the connection is back
    for (let tries = 0; tries < 30 && runs < n; tries += 1) await new Promise((resolve) => setTimeout(resolve, 5))
    if (runs === n) lostWhileRunning += 1
    both.ways.caller.keepAnswers()
    expect(await running).toBe(n)
  }
  expect(lostWhileRunning).toBeGreaterThan(0)
})

test('who cannot say whether it was sent waits for the answer, if it was', async () => {
  await using both = await pair(20_000)
  const begun = Promise.withResolvers<void>()
  both.doer.serve('count', async (_input, caller) => {
    await caller.begin()
    begun.resolve()
    return 'done'
  })
  await both.quiet()
  both.ways.caller.loseAnswers()
  const running = both.run('count')
  await begun.promise
  await new Promise((resolve) => setTimeout(resolve, 2_500)) // for longer than it is sent again
  both.ways.caller.keepAnswers()
  expect(await running).toBe('done')
})

test('who is cut off while it is done does not know how it ended, and says so', async () => {
  await using both = await pair()
  const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  both.doer.serve('wait', async (_input, caller) => {
    await caller.begin()
    begun.resolve()
    await end.promise
    return 'done'
  })
  const outcome = outcomeOf(both.run('wait'))
  await begun.promise
  both.ways.caller.freeze()
  await new Promise((resolve) => setTimeout(resolve, shortLife))
  end.resolve()
  both.ways.caller.thaw()
  both.ways.caller.cut()
  expect(await outcome).toBeInstanceOf(ReplicaLostError)
})

test('what is said not to have begun does not begin later', async () => {
  await using both = await pair()
  const [there, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const begun = Promise.withResolvers<unknown>()
  both.doer.serve('late', async (_input, caller) => {
    there.resolve()
    await gate.promise
    begun.resolve(await outcomeOf(caller.begin()))
  })
  const outcome = outcomeOf(both.run('late'))
  await there.promise
  both.ways.caller.freeze()
  await new Promise((resolve) => setTimeout(resolve, shortLife))
  both.ways.caller.thaw()
  both.ways.caller.cut()
  expect(await outcome).toBeInstanceOf(NotBegunError)
  gate.resolve()
  expect(await begun.promise).toBeInstanceOf(NotBegunError)
})

test('a doer that is cut off before it begins does not begin, and another may', async () => {
  await using both = await pair()
  const [there, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const begun = Promise.withResolvers<unknown>()
  both.doer.serve('late', async (_input, caller) => {
    there.resolve()
    await gate.promise
    begun.resolve(await outcomeOf(caller.begin()))
  })
  const outcome = outcomeOf(both.run('late'))
  await there.promise
  both.ways.doer.freeze()
  expect(await outcome).toBeInstanceOf(NotBegunError)
  both.ways.doer.thaw()
  both.ways.doer.cut()
  gate.resolve()
  expect(await begun.promise).toBeInstanceOf(NotBegunError)
})

test('an answer that is too large is one clear error', async () => {
  await using both = await pair()
  both.doer.serve('huge', async (_input, caller) => {
    await caller.begin()
    return 'x'.repeat(17 * 1024 * 1024)
  })
  await expect(both.run('huge')).rejects.toThrow('too large')
})

test('who drains begins nothing more, and answers what was begun', async () => {
  await using both = await pair()
  const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  both.doer.serve('wait', async (_input, caller) => {
    await caller.begin()
    begun.resolve()
    await end.promise
    return 'done'
  })
  both.doer.serve('nothing', async () => undefined)
  await both.run('nothing')
  const first = both.run('wait')
  await begun.promise
  let isDrained = false
  const drained = both.doer.drain().then(() => {
    isDrained = true
  })
  await expect(both.run('wait')).rejects.toThrow(NotBegunError)
  expect(isDrained).toBe(false)
  end.resolve()
  expect(await first).toBe('done')
  await drained
})

test('what another replica does is part of the trace of the request that it does it for', async () => {
  const collector = await startOtlpCollector()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
  const log = { info: () => undefined, warn: () => undefined }
  const flush = await openTracing(readTracingSettings(process.env, []), { name: 'mcp', metrics: undefined, log })
  vi.unstubAllEnvs()
  await using both = await pair(20_000)
  both.doer.serve('work', async (_input, caller) => {
    await caller.begin()
    return inSpan('work', {}, async (span) => span?.traceId ?? null)
  })
  const trace = await inSpan('request', {}, (span) => {
    return both.run('work').then((seen) => ({ seen, own: span?.traceId }))
  })
  await both.run('work')
  await flush()
  await collector.close()
  expect(trace.own).toMatch(/^[0-9a-f]{32}$/)
  expect(trace.seen).toBe(trace.own)
  const of = (name: string) => collector.spans.filter((span) => span.name === name && span.traceId === trace.own)
  const [[request], [done], [work]] = [of('request'), of('for another replica'), of('work')]
  expect(done).toMatchObject({ kind: 'server', parentId: request?.spanId })
  expect(work).toMatchObject({ parentId: done?.spanId })
  // what belongs to no request is not made to
  expect(collector.spans.filter(({ name }) => name === 'for another replica')).toHaveLength(1)
})
