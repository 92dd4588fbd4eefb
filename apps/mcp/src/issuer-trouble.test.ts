// The issuer answers, and what it answers is no key set, or tells of another issuer: tools go on by the keys that are
// known, and the operator hears of it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMetrics } from '@gatehouse/service'
import { createTokenIssuer, verifies } from '@gatehouse/testing'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { requestOf, startMcpServer } from './harness/mcp-server.ts'

const { message } = requestOf('2025-11-25', 'tools/call', { name: 'whoami', arguments: {} })
/** Milliseconds after which keys are loaded again while they serve: more than half of their age. */
const due = 6 * 60_000

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'] }))
afterEach(() => void vi.useRealTimers())

verifies('X18', 'whatever the key endpoint answers, the known keys serve on, and each failure is counted', async () => {
  const metrics = createMetrics()
  const failures = async () => {
    const { text } = await metrics.read()
    return Number(/^gatehouse_key_set_failures_total (\d+)$/m.exec(text)?.[1] ?? 0)
  }
  await using server = await startMcpServer({ metrics })
  expect((await server.post(message)).status).toBe(200)
  const answers = {
    'a web page': { status: 200, body: '<!doctype html><h1>Down for maintenance</h1>' },
    'an error': { status: 500, body: 'oops' },
    'no keys': { status: 200, body: '{"keys":[]}' },
    'too much': { status: 200, body: `{"keys":[],"padding":"${'x'.repeat(1_000_000)}"}` },
    'keys of another kind': { status: 200, body: '{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}' },
    nothing: { status: 204 },
  }
  let failed = 0
  for (const [name, answer] of Object.entries(answers)) {
    server.issuer.answerKeysWith(answer)
    vi.advanceTimersByTime(due)
    expect((await server.post(message)).status, name).toBe(200)
    failed += 1
    await vi.waitFor(async () => expect(await failures(), name).toBe(failed))
    expect((await fetch(`${server.origin}/readyz`)).status, name).toBe(200)
  }
  const reasons = server.log.filter((line) => line.includes("could not load the issuer's keys"))
  expect(reasons).toHaveLength(failed)
  for (const line of reasons) expect(JSON.parse(line).reason).toMatch(/not JSON|answered|key set/)

  server.issuer.answerKeysWith(undefined)
  vi.advanceTimersByTime(due)
  expect((await server.post(message)).status).toBe(200)
  expect(await failures(), 'and then it is over').toBe(failed)
})

verifies('X18', "metadata that comes to name another issuer leads nobody to that one's keys", async () => {
  await using other = await createTokenIssuer()
  let names = ''
  const endpoint = createServer((request, response) => {
    const [issuer, keys] = names === 'other' ? [other.issuer, other.jwksUrl] : [own, `${own}/jwks`]
    if (request.url === '/jwks') response.end(JSON.stringify({ keys: [mine] }))
    else response.end(JSON.stringify({ issuer, jwks_uri: keys }))
  })
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  const own = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`
  await using signer = await createTokenIssuer()
  const mine = signer.publicJwk
  try {
    await using server = await startMcpServer({ env: { MCP_ISSUER: own }, issuer: signer })
    const good = () => server.sign({ iss: own }).then((token) => ({ authorization: `Bearer ${token}` }))
    expect((await server.post(message, await good())).status).toBe(200)
    names = 'other'
    vi.advanceTimersByTime(due)
    expect((await server.post(message, await good())).status).toBe(200)
    await vi.waitFor(() => expect(server.log.join('')).toContain('is not that of this issuer'))
    const stranger = await other.sign({ iss: own, aud: server.resource })
    vi.advanceTimersByTime(due)
    expect((await server.post(message, { authorization: `Bearer ${stranger}` })).status).not.toBe(200)
    expect(other.keyRequests()).toBe(0)
    expect((await server.post(message, await good())).status).toBe(200)
  } finally {
    endpoint.closeAllConnections()
    endpoint.close()
  }
})
