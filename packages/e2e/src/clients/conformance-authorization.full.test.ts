// The MCP project's own conformance suite against the authorization server, with and without RFC 8707 `resource`:
// everything passes, and nothing is warned of. For a client without a secret alone: where "none" is advertised the suite
// (0.2.0-alpha.12) sends no secret, even if it is given one.
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPerson, freePorts, startProcess } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningSite, startSite } from './site.ts'

const program = 'packages/e2e/node_modules/@modelcontextprotocol/conformance/dist/index.js'
const client = {
  client_id: 'conformance',
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/callback'],
}

let site: RunningSite

beforeAll(async () => {
  site = await startSite([client])
})
afterAll(() => site[Symbol.asyncDispose]())

test.each([
  { name: 'without a resource', resource: () => [] },
  { name: 'with a resource', resource: () => ['--resource', site.resource] },
])('the suite passes whole, $name', async ({ resource }) => {
  const [port = 0] = await freePorts(1)
  const results = mkdtempSync(join(tmpdir(), 'gatehouse-conformance-'))
  await using suite = startProcess([
    ...[program, 'authorization', '--url', site.issuer, '--client-id', client.client_id, ...resource()],
    ...['--port', String(port), '--output-dir', results],
  ])
  const [address] = await suite.says(/http:\/\/localhost:\d+\/authorize\?\S+/)
  const person = createPerson(site)
  await person.open(address)
  await person.logIn()
  const { leftTo } = await person.approve()
  await (await fetch(leftTo ?? '')).text()
  const { code } = await suite.exited
  expect(code, suite.output()).toBe(0)
  expect(suite.output()).toContain('Total: 3 passed, 0 failed')
  const checks = globSync('**/*.json', { cwd: results }).flatMap(
    (file) => JSON.parse(readFileSync(join(results, file), 'utf8')) as { status: string }[],
  )
  expect(new Set(checks.map(({ status }) => status))).toEqual(new Set(['SUCCESS']))
  rmSync(results, { recursive: true, force: true })
})
