import { createMetrics } from '@gatehouse/service'
import { expect, test } from 'vitest'
import { behalfOf, fakeUpstream } from './catalog/harness/fake-upstream.ts'
import { measureUpstreams } from './measures.ts'
import { createOutcomes } from './outcomes.ts'
import { RpcError } from './upstreams/contract.ts'

test('each upstream has its numbers, by outcome and without a word of its own', async () => {
  const metrics = createMetrics({ ofProcess: false })
  const [ledger, quiet] = [fakeUpstream('ledger'), fakeUpstream('quiet')]
  Object.assign(ledger, { open: 3 })
  const outcomes = createOutcomes({ onOutcome: measureUpstreams(metrics, () => [ledger, quiet]) })
  const ann = behalfOf('ann')
  const upstream = outcomes.watched(ledger)
  const call = () => upstream.request({ method: 'tools/call', params: {} }, ann).catch(() => undefined)
  const read = async () => (await metrics.read()).text
  ledger.page = () => ({ content: [] })
  await call()
  expect(await read()).toContain('gatehouse_gateway_up{upstream="ledger"} 1')
  ledger.page = () => {
    throw new RpcError(-32_602, 'the upstream’s own words')
  }
  await call()
  ledger.fault = 'unreachable'
  await call()
  const text = await read()
  for (const outcome of ['answered', 'error', 'unreachable'])
    expect(text).toContain(`gatehouse_gateway_requests_total{upstream="ledger",outcome="${outcome}"} 1`)
  expect(text).toContain('gatehouse_gateway_up{upstream="ledger"} 0')
  expect(text).toContain('gatehouse_gateway_connections{upstream="ledger"} 3')
  expect(text).toContain('gatehouse_gateway_request_duration_seconds_count{upstream="ledger"} 3')
  expect(text).not.toContain('gatehouse_gateway_up{upstream="quiet"}')
  expect(text).not.toContain('own words')
})

test('troubles are those that a caller met, until the upstream answers', async () => {
  const ledger = fakeUpstream('ledger')
  const outcomes = createOutcomes({})
  const [ann, bob] = [behalfOf('ann'), behalfOf('bob')]
  const upstream = outcomes.watched(ledger)
  ledger.fault = 'unauthorized'
  await expect(upstream.describe(ann)).rejects.toThrow()
  expect(outcomes.troubles([ledger], ann)).toEqual([{ upstream: 'ledger', fault: 'unauthorized' }])
  expect(outcomes.troubles([ledger], bob)).toEqual([])
  ledger.fault = undefined
  await upstream.describe(ann)
  expect(outcomes.troubles([ledger], ann)).toHaveLength(1)
  await upstream.request({ method: 'tools/list' }, ann)
  expect(outcomes.troubles([ledger], ann)).toEqual([])
})
