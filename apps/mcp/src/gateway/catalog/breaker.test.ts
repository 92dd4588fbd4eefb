import { describe, expect, it } from 'vitest'
import { RpcError, type UpstreamFault } from '../upstreams/contract.ts'
import { withBreaker } from './breaker.ts'
import { behalfOf, fakeUpstream, manualClock, type Settings } from './harness/fake-upstream.ts'

const ann = behalfOf('ann')
const request = { method: 'tools/call', params: { name: 'x' } }

function scene(settings: Settings = {}) {
  const clock = manualClock()
  const fake = fakeUpstream('ledger', settings)
  fake.page = () => ({ content: [] })
  const guarded = withBreaker(fake, clock)
  const call = (behalf = ann) =>
    guarded.request(request, behalf).then(
      () => 'ok',
      (error) => error,
    )
  return { clock, fake, guarded, call }
}

async function times(count: number, run: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < count; time++) await run()
}

describe('the breaker', () => {
  it.each<[UpstreamFault, boolean]>([
    ['unreachable', true],
    ['unauthorized', true],
    ['busy', false],
    ['timeout', false],
    ['interrupted', false],
    ['invalid', false],
  ])('after three times %s: %s', async (fault, isOpen) => {
    const { fake, call } = scene()
    fake.fault = fault
    await times(3, call)
    await call()
    expect(fake.asked).toHaveLength(isOpen ? 3 : 4)
  })

  it('says when to try again, lets one through then, and is closed by an answer', async () => {
    const { clock, fake, call } = scene()
    fake.fault = 'unreachable'
    await times(3, call)
    expect(await call()).toMatchObject({
      fault: 'unreachable',
      message: 'ledger is unavailable, try again in 1 s',
      retryAfter: 1,
    })
    await clock.elapse(1_000)
    fake.fault = 'hang'
    void call()
    expect(await call()).toMatchObject({ retryAfter: 5 })
    expect(fake.asked).toHaveLength(4)
    await clock.elapse(5_000)
    fake.fault = undefined
    expect(await call()).toBe('ok')
    expect(await call()).toBe('ok')
  })

  it('waits twice as long each time, a minute at most', async () => {
    const { clock, fake, call } = scene()
    fake.fault = 'unreachable'
    await times(3, call)
    const waits: number[] = []
    for (let round = 0; round < 8; round++) {
      const { retryAfter } = (await call()) as { retryAfter: number }
      waits.push(retryAfter)
      await clock.elapse(retryAfter * 1000)
      await call()
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
  })

  it('counts what fails together once', async () => {
    const { fake, call } = scene()
    fake.fault = 'unreachable'
    await Promise.all(Array.from({ length: 50 }, () => call()))
    expect(await call()).toMatchObject({ retryAfter: 1 })
  })

  it('is no matter of others, but of those who share a credential', async () => {
    const own = scene()
    own.fake.fault = 'unauthorized'
    await times(3, own.call)
    await own.call(behalfOf('bob'))
    expect(own.fake.asked).toHaveLength(4)
    const shared = scene({ isolation: 'shared', forwardHeaders: ['x-tenant'] })
    shared.fake.fault = 'unauthorized'
    const wrong = behalfOf('ann', { headers: { 'x-tenant': 'wrong' } })
    await times(3, () => shared.call(wrong))
    await shared.call(behalfOf('bob', { headers: { 'x-tenant': 'wrong' } }))
    expect(shared.fake.asked).toHaveLength(3)
    await shared.call(behalfOf('bob'))
    expect(shared.fake.asked).toHaveLength(4)
  })

  it('is closed by an answer, not by what was known already', async () => {
    const { clock, fake, guarded, call } = scene()
    fake.fault = 'unreachable'
    await times(3, call)
    await clock.elapse(1_000)
    fake.fault = undefined
    await guarded.describe(ann)
    fake.fault = 'unreachable'
    await call()
    expect(await call()).toMatchObject({ fault: 'unreachable', retryAfter: 2 })
  })

  it('takes an error of the protocol for an answer', async () => {
    const { fake, call } = scene()
    for (const error of [true, true, false, true, true]) {
      fake.fault = error ? 'unreachable' : undefined
      fake.page = () => {
        throw new RpcError(-32602, 'no such tool')
      }
      await call()
    }
    await call()
    expect(fake.asked).toHaveLength(6)
  })
})
