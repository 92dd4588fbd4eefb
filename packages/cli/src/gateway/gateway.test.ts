import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CommandContext } from '../command.ts'
import { gateway } from './gateway.ts'

/** What the command says of a file, as JSON. */
async function check(content: string, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-check-test-'))
  writeFileSync(join(folder, 'gatehouse.yaml'), content)
  let report: unknown
  const code = await gateway({
    args: ['check', 'gatehouse.yaml', '--json'],
    env: { PATH: process.env.PATH, ...env },
    terminal: { json: (value: unknown) => (report = value), note: () => undefined },
    signal: new AbortController().signal,
    folder,
    programs: { protect: 'gatehouse protect', client: 'gatehouse' },
  } as unknown as CommandContext)
  return { code, report }
}

async function issuerThatLists(resources: readonly string[]) {
  const server = createServer((_request, response) =>
    response.end(JSON.stringify({ issuer, protected_resources: resources })),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    issuer,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const [one, two] = ['http://localhost:3000/one', 'http://localhost:3000/two']
const several = `version: 1
endpoints:
  - { resource: ${one}, name: One, upstreams: [builtin] }
  - { resource: ${two}, name: Two, upstreams: [builtin] }
`

test('a file with several endpoints is checked as the services read it', async () => {
  expect(await check(several)).toMatchObject({
    code: 0,
    report: { ok: true, faults: [], warnings: [], problems: [], upstreams: [{ name: 'builtin', ok: true }] },
  })
  const { code, report } = await check(`${several}  - { resource: ${one}, name: Again, upstreams: [builtin] }\n`)
  expect([code, report]).toMatchObject([
    1,
    { faults: [expect.stringContaining('endpoints[2].resource: has the host')] },
  ])
})

test('an endpoint that the issuer does not list is a warning, where it is said who that is', async () => {
  await using listing = await issuerThatLists([one])
  const { code, report } = await check(several, { MCP_ISSUER: listing.issuer })
  expect([code, report]).toMatchObject([
    0,
    { warnings: [`The issuer ${listing.issuer} does not list ${two}: it issues no token for it.`] },
  ])
  expect((await check(several, { MCP_ISSUER: 'http://127.0.0.1:9' })).report).toMatchObject({ warnings: [] })
  const plain = 'version: 1\nupstreams: { away: { url: "http://127.0.0.1:9/mcp" } }\n'
  const named = await check(plain, { MCP_ISSUER: listing.issuer, MCP_RESOURCE_URL: two })
  expect(named.report).toMatchObject({ warnings: [expect.stringContaining(`does not list ${two}`)] })
  expect((await check(plain, { MCP_ISSUER: listing.issuer })).report).toMatchObject({ warnings: [] })
})
