import { setTimeout as wait } from 'node:timers/promises'
import { fastify } from 'fastify'
import { expect, test } from 'vitest'
import { createMetrics, serveMetrics } from './metrics.ts'

async function start() {
  const metrics = createMetrics()
  const app = fastify()
  metrics.measureRequests(app)
  const held = Promise.withResolvers<void>()
  app.get('/things/:id', async () => 'a thing')
  app.get('/held', async () => held.promise.then(() => 'at last'))
  app.get('/stream', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200).write('first')
  })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const server = await serveMetrics(metrics, { host: '127.0.0.1', port: 0 })
  const scrape = async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}/metrics`)
    return { type: response.headers.get('content-type'), text: await response.text() }
  }
  return {
    metrics,
    held,
    scrape,
    address,
    port: server.port,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      app.server.closeAllConnections()
      await app.close()
    },
  }
}

test('requests are counted by route, never by what was asked for', async () => {
  await using service = await start()
  await (await fetch(`${service.address}/things/secret-id?code=secret`)).text()
  await (await fetch(`${service.address}/nothing/secret-path`)).text()
  const { type, text } = await service.scrape()
  expect(type).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(text).toContain(
    'gatehouse_http_request_duration_seconds_count{method="GET",route="/things/:id",status="200"} 1',
  )
  expect(text).toContain('gatehouse_http_request_duration_seconds_count{method="GET",route="none",status="404"} 1')
  expect(text).toContain('process_resident_memory_bytes')
  expect(text).not.toContain('secret')
})

test('who is being answered is under way, and not any more when the caller hangs up', async () => {
  await using service = await start()
  const underWay = async () => /^gatehouse_http_requests_in_flight (\d+)$/m.exec((await service.scrape()).text)?.[1]
  const hangUp = new AbortController()
  const held = fetch(`${service.address}/held`)
  const stream = await fetch(`${service.address}/stream`, { signal: hangUp.signal })
  await stream.body?.getReader().read()
  await expect.poll(underWay).toBe('2')
  hangUp.abort()
  await expect.poll(underWay).toBe('1')
  service.held.resolve()
  await (await held).text()
  await expect.poll(underWay).toBe('0')
})

test('a gauge is read at each scrape, and one that cannot be read costs the others nothing', async () => {
  await using service = await start()
  let size = 1
  service.metrics.gauge('size', 'How much.', async () => size)
  service.metrics.gauge('broken', 'What nobody knows.', async () => {
    await wait(1)
    throw new Error('away')
  })
  const count = service.metrics.counter('events_total', 'What happened.', ['kind'])
  count({ kind: 'a' })
  count({ kind: 'a' })
  expect((await service.scrape()).text).toMatch(/^size 1$/m)
  size = 2
  const { text } = await service.scrape()
  expect(text).toMatch(/^size 2$/m)
  expect(text).toContain('events_total{kind="a"} 2')
  expect(text).not.toMatch(/^broken \d/m)
})

test('there is nothing else on that port', async () => {
  await using service = await start()
  expect((await fetch(`http://127.0.0.1:${service.port}/`)).status).toBe(404)
})
