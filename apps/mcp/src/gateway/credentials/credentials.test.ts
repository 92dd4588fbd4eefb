// The gateway, an upstream that checks tokens, and its authorization server: each real, over the wire.
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { upstreamTroublesMember } from '@gatehouse/shared'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { answerOf, requestOf, startMcpServer, type TestServer } from '../../harness/mcp-server.ts'
import { type CheckingServer, startCheckingServer } from '../harness/checking-server.ts'
import { secretClient, startIssuer, type TestIssuer } from '../harness/issuer.ts'

let issuer: TestIssuer
let upstream: CheckingServer
let gateway: TestServer
let folder: string

beforeEach(async () => {
  issuer = await startIssuer([secretClient])
  upstream = await startCheckingServer(issuer.issuer)
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-credentials-'))
  writeSecret(secretClient.client_secret)
  const file = join(folder, 'gatehouse.yaml')
  writeFileSync(
    file,
    `version: 1
upstreams:
  ledger:
    url: ${upstream.url}
    credential: { kind: client-credentials, issuer: "${issuer.issuer}", clientId: gateway, clientSecret: { file: secret } }
`,
  )
  const env = {
    GATEHOUSE_CONFIG: file,
    DATA_DIR: join(folder, 'data'),
    MCP_SECRET: 'of this test, and long enough to seal with',
  }
  gateway = await startMcpServer({ env })
})
afterEach(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})

/** As a mounted secret changes: another file takes its place. */
function writeSecret(text: string): void {
  writeFileSync(join(folder, 'secret.next'), `${text}\n`)
  renameSync(join(folder, 'secret.next'), join(folder, 'secret'))
}

async function callAs(subject: string) {
  const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'whoami', arguments: {} })
  const token = await gateway.sign({ sub: subject })
  const response = await gateway.post(message, { ...headers, authorization: `Bearer ${token}` })
  const answer = await answerOf(response)
  return { token, status: response.status, text: JSON.stringify(answer.result ?? answer.error), result: answer.result }
}

test('the upstream is shown a token of the gateway’s own, asked for once for all callers, and nothing of theirs', async () => {
  const calls = await Promise.all(['dev:ada', 'dev:bob', 'dev:eve'].map(callAs))
  for (const { text } of calls) expect(text).toContain('I know you as gateway')
  expect(issuer.asked).toHaveLength(1)
  const [shown] = new Set(upstream.received.map(({ headers }) => headers.authorization))
  const elsewhere = JSON.stringify([upstream.received, issuer.asked])
  for (const { token, text } of calls) {
    expect(elsewhere).not.toContain(token.slice(-40))
    expect(text).not.toContain(shown?.slice(-40))
  }
  expect(JSON.stringify(upstream.received)).not.toContain('planted')
  expect(gateway.log.join('')).not.toMatch(new RegExp(`planted|${shown?.slice(-40)}`))
})

test('a token that is refused is renewed once; one that is refused then is the upstream’s trouble, and never a 401 of ours', async () => {
  await callAs('dev:ada')
  upstream.revoke()
  upstream.statuses.length = 0
  expect((await callAs('dev:ada')).text).toContain('I know you as gateway')
  expect(upstream.statuses.filter((status) => status === 401)).toHaveLength(1)
  expect(issuer.asked).toHaveLength(2)
  upstream.close(true)
  const refused = await callAs('dev:ada')
  expect(refused).toMatchObject({ status: 200, result: { isError: true } })
  expect(refused.text).toContain("refuses the gateway's credential")
  // none was forced again so soon
  expect(issuer.asked).toHaveLength(2)
})

test('while the token endpoint is away calls are told to come again; when it is back they work', async () => {
  await callAs('dev:ada')
  upstream.revoke()
  await issuer.stop()
  const away = await callAs('dev:ada')
  expect(away).toMatchObject({ status: 200, result: { isError: true } })
  expect(away.text).toMatch(/ledger is unavailable: try again in \d+ s/)
  expect(gateway.log.join('')).toMatch(/authorization server of its credential.*ECONNREFUSED/)
  // doctor reads it
  const { message, headers } = requestOf('2026-07-28', 'tools/list')
  const listed = await answerOf(await gateway.post(message, { ...headers, authorization: `Bearer ${away.token}` }))
  expect(listed.result._meta[upstreamTroublesMember]).toEqual([{ upstream: 'ledger', fault: 'token-endpoint' }])
  await issuer.start()
  await vi.waitFor(async () => expect((await callAs('dev:ada')).text).toContain('I know you as gateway'), {
    timeout: 20_000,
    interval: 300,
  })
}, 30_000)

test('a secret whose file changes counts without a restart', async () => {
  await callAs('dev:ada')
  writeSecret('planted-wrong')
  gateway.reload()
  const refused = await callAs('dev:ada')
  expect(refused.text).toContain('does not take the gateway')
  writeSecret(secretClient.client_secret)
  gateway.reload()
  expect((await callAs('dev:ada')).text).toContain('I know you as gateway')
  expect(gateway.log.join('') + refused.text).not.toContain('planted')
})
