import { expect, test } from 'vitest'
import { createTracedFetch, readTraceContext } from './traces.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('the trace that the environment names goes with each request, beside its own headers', async () => {
  const context = readTraceContext({ TRACEPARENT: traceparent, TRACESTATE: 'a=1' })
  expect(context).toEqual({ traceparent, tracestate: 'a=1' })
  const sent: Headers[] = []
  const fetch = createTracedFetch(context ?? { traceparent: '' }, async (_url, init) => {
    sent.push(new Headers(init?.headers))
    return new Response()
  })
  await fetch('http://localhost/', { headers: { authorization: 'Bearer x' } })
  await fetch('http://localhost/')
  expect(sent.map((headers) => Object.fromEntries(headers))).toEqual([
    { authorization: 'Bearer x', traceparent, tracestate: 'a=1' },
    { traceparent, tracestate: 'a=1' },
  ])
})

test.each([
  {},
  { TRACEPARENT: '' },
  { TRACEPARENT: 'x' },
  { TRACEPARENT: `${traceparent}\r\nx: y` },
  { TRACESTATE: 'a=1' },
])('no trace is read from %j', (env) => {
  expect(readTraceContext(env)).toBeUndefined()
})
