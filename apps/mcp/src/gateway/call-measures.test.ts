import { createMetrics } from '@gatehouse/service'
import { expect, test } from 'vitest'
import { answerOf, eras, requestOf } from '../harness/mcp-server.ts'
import { measureCalls } from './call-measures.ts'
import { type people, startCompany } from './harness/ruled-company.ts'

const counted = 'gatehouse_gateway_calls_total'
const seriesIn = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(`${name}{`))

test.each(eras)('calls are counted by what was decided and what came of them (%s)', async (era) => {
  const metrics = createMetrics({ ofProcess: false })
  await using company = await startCompany({}, { metrics })
  const { ask, server } = company
  const call = async (who: keyof typeof people, name: string, args: object = {}) => {
    const response = await ask(who, era, 'tools/call', { name, arguments: args })
    await response.text()
  }
  await call('bob', 'ledger__transfer', { amount: 1 })
  await call('bob', 'ledger__transfer', { amount: 1001 })
  await call('bob', 'ledger__transfer', { amount: 'one' })
  await call('ada', 'ledger__transfer', { amount: 1 })
  await call('ada', 'everything__echo', { message: 'hi' })
  await call('ada', 'everything__echo', { message: 5 })
  await call('ada', 'ledger__invented')
  await call('ada', 'hunter2')
  // a list is no call
  await answerOf(await ask('ada', era, 'tools/list'))
  const { message, headers } = requestOf(era, 'tools/call', { name: 'ledger__transfer', arguments: {} })
  expect((await server.post(message, { ...headers, authorization: 'Bearer no-token' })).status).toBe(401)
  await expect
    .poll(async () => seriesIn((await metrics.read()).text, counted).toSorted())
    .toEqual(
      [
        `${counted}{upstream="ledger",tool="transfer",decision="allowed",outcome="ok"} 1`,
        `${counted}{upstream="ledger",tool="transfer",decision="denied",outcome="refused"} 2`,
        `${counted}{upstream="ledger",tool="transfer",decision="scopes",outcome="refused"} 1`,
        `${counted}{upstream="everything",tool="echo",decision="allowed",outcome="ok"} 1`,
        `${counted}{upstream="everything",tool="echo",decision="allowed",outcome="error"} 1`,
        `${counted}{upstream="none",tool="other",decision="unknown",outcome="error"} 2`,
      ].toSorted(),
    )
  const durations = seriesIn((await metrics.read()).text, 'gatehouse_gateway_call_duration_seconds_count')
  expect(durations.toSorted()).toEqual([
    'gatehouse_gateway_call_duration_seconds_count{upstream="everything",tool="echo"} 2',
    'gatehouse_gateway_call_duration_seconds_count{upstream="ledger",tool="transfer"} 1',
  ])
})

test.each(eras)(
  'names that clients make up are no labels, where no rule is about anything either (%s)',
  async (era) => {
    const metrics = createMetrics({ ofProcess: false })
    await using company = await startCompany({}, { metrics })
    company.write([])
    const call = async (name: string) => {
      await (await company.ask('ada', era, 'tools/call', { name, arguments: { message: 'hi' } })).text()
    }
    await call('everything__echo')
    for (let round = 0; round < 20; round += 1)
      await Promise.all(Array.from({ length: 10 }, (_, index) => call(`everything__made_up_${round}_${index}`)))
    await expect
      .poll(async () => seriesIn((await metrics.read()).text, counted))
      .toEqual([
        `${counted}{upstream="everything",tool="echo",decision="allowed",outcome="ok"} 1`,
        `${counted}{upstream="none",tool="other",decision="unknown",outcome="error"} 200`,
      ])
    expect((await metrics.read()).text).not.toContain('made_up')
  },
)

test('ten thousand names make no more series than there may be, no matter who makes them up', async () => {
  const metrics = createMetrics({ ofProcess: false })
  const tell = measureCalls(metrics)
  const lines = async () => (await metrics.read()).text.split('\n').length
  for (let index = 0; index < 10_000; index += 1) tell({ decision: 'allow', outcome: 'error', reason: '-32602' }, 1)
  expect(seriesIn((await metrics.read()).text, counted)).toHaveLength(1)
  // servers that list whatever they like
  const done = { decision: 'allow', outcome: 'ok' } as const
  for (let index = 0; index < 10_000; index += 1)
    tell({ ...done, called: { upstream: `u${index % 20}`, name: `t${index}` } }, 1)
  const most = await lines()
  const toolsOf = async (upstream: string) =>
    seriesIn((await metrics.read()).text, counted).filter((line) => line.includes(`upstream="${upstream}"`)).length
  expect(seriesIn((await metrics.read()).text, counted).length).toBe(1 + 500 + 20)
  expect(await toolsOf('u0')).toBe(25 + 1)
  for (let index = 0; index < 10_000; index += 1)
    tell({ ...done, called: { upstream: `u${index % 20}`, name: `n${index}` } }, 1)
  expect(await lines()).toBe(most)
})

test('one server does not take the labels of another, and its own names are short', async () => {
  const metrics = createMetrics({ ofProcess: false })
  const tell = measureCalls(metrics)
  const done = { decision: 'allow', outcome: 'ok' } as const
  for (let index = 0; index < 1_000; index += 1) tell({ ...done, called: { upstream: 'mad', name: `t${index}` } }, 1)
  tell({ ...done, called: { upstream: 'calm', name: 'get "it"\n' } }, 1_500)
  tell({ ...done, called: { upstream: 'calm', name: 'x'.repeat(129) } }, 1)
  tell({ ...done, called: { upstream: 'calm', name: '__proto__' } }, 1)
  const { text } = await metrics.read()
  expect(seriesIn(text, counted).filter((line) => line.includes('"mad"'))).toHaveLength(101)
  expect(seriesIn(text, counted).filter((line) => line.includes('"calm"'))).toEqual([
    `${counted}{upstream="calm",tool="get \\"it\\"\\n",decision="allowed",outcome="ok"} 1`,
    `${counted}{upstream="calm",tool="other",decision="allowed",outcome="ok"} 1`,
    `${counted}{upstream="calm",tool="__proto__",decision="allowed",outcome="ok"} 1`,
  ])
  expect(text).toContain('gatehouse_gateway_call_duration_seconds_sum{upstream="calm",tool="get \\"it\\"\\n"} 1.5')
})

test('each decision has its word', async () => {
  const metrics = createMetrics({ ofProcess: false })
  const tell = measureCalls(metrics)
  const called = { upstream: 'ledger', name: 'transfer' }
  const refused = { decision: 'deny', outcome: 'refused' } as const
  tell({ ...refused, called, reason: 'insufficient_scope' }, 1)
  tell({ ...refused, called, reason: 'people_only' }, 1)
  tell({ ...refused, upstream: 'ledger', reason: 'not_pinned' }, 1)
  tell({ ...refused, reason: 'caller_limit' }, 1)
  tell({ decision: 'allow', outcome: 'refused', called, reason: 'tool_limit' }, 1)
  tell({ decision: 'allow', outcome: 'unavailable', called, reason: 'unreachable' }, 1)
  tell({ decision: 'allow', outcome: 'refused', reason: 'http_429' }, 1)
  // its headers say something else than its body
  tell({ outcome: 'error', called, reason: '-32020' }, 1)
  expect(seriesIn((await metrics.read()).text, counted)).toEqual([
    `${counted}{upstream="ledger",tool="transfer",decision="scopes",outcome="refused"} 1`,
    `${counted}{upstream="ledger",tool="transfer",decision="denied",outcome="refused"} 1`,
    `${counted}{upstream="ledger",tool="other",decision="denied",outcome="refused"} 1`,
    `${counted}{upstream="none",tool="other",decision="limited",outcome="refused"} 1`,
    `${counted}{upstream="ledger",tool="transfer",decision="limited",outcome="refused"} 1`,
    `${counted}{upstream="ledger",tool="transfer",decision="allowed",outcome="unavailable"} 1`,
    `${counted}{upstream="none",tool="other",decision="allowed",outcome="refused"} 1`,
  ])
})
