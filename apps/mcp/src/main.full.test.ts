import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenIssuer, freePort, verifies } from '@gatehouse/testing'
import { afterEach, expect, test } from 'vitest'
import { startNamedServer } from './harness/named-server.ts'
import { startProcess } from './harness/process.ts'
import { openSession, readEvents } from './harness/session-client.ts'

const directories: string[] = []
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-mcp-main-'))
  directories.push(directory)
  return directory
}
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** The process, with data of its own. */
const start = (env: Record<string, string>) => startProcess({ DATA_DIR: newDirectory(), ...env })

test('a wrong configuration is told in one list, without a stack', async () => {
  await using run = start({ MCP_RESOURCE_URL: 'nowhere', PORT: 'x' })
  expect(await run.exited).toBe(1)
  expect(run.output()).toBe(
    'The MCP server cannot start:\n' +
      '- MCP_RESOURCE_URL must be an http or https URL.\n' +
      '- PORT must be a port number from 0 to 65535.\n',
  )
}, 20_000)

test('a process starts without its issuer, says what it runs on, and ends when told to', async () => {
  await using run = start({ PORT: '0', MCP_ISSUER: 'http://localhost:9' })
  await run.until('MCP server started')
  expect(run.output()).toContain('MCP_RESOURCE_URL is not set')
  const url = /listening at (http:\S+?)"/.exec(run.output())?.[1]
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  expect((await fetch(`${url}/readyz`)).status).toBe(503)
  run.kill('SIGTERM')
  expect(await run.exited).toBe(0)
}, 20_000)

test('a second process on the same data is told to set REDIS_URL, unless it has no sessions to keep', async () => {
  const DATA_DIR = newDirectory()
  await using first = start({ PORT: '0', DATA_DIR })
  await first.until('MCP server started')
  await using second = start({ PORT: '0', DATA_DIR })
  expect(await second.exited).toBe(1)
  expect(second.output()).toMatch(
    /^The MCP server cannot start:\n- .*mcp\.sqlite is in use by another process.*REDIS_URL\.\n$/,
  )
  await using third = start({ PORT: '0', DATA_DIR, MCP_SESSIONS: 'off' })
  await third.until('"sessions":"off"')
}, 30_000)

verifies(
  'X14',
  'told to end with streams open, a process tells them to come back and is gone in time',
  async () => {
    await using issuer = await createTokenIssuer()
    const port = String(await freePort())
    const resource = `http://localhost:${port}/mcp`
    await using run = start({ PORT: port, MCP_ISSUER: issuer.issuer, MCP_RESOURCE_URL: resource })
    await run.until('MCP server started')
    const streams = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const token = await issuer.sign({ aud: resource, sub: `dev:${i}` })
        return readEvents(await (await openSession({ resource, token })).get())
      }),
    )
    for (const stream of streams) await stream.next()
    const began = performance.now()
    run.kill('SIGTERM')
    for (const stream of streams) expect(await stream.rest()).toMatchObject([{ retry: '1000' }])
    expect(await run.exited).toBe(0)
    expect(performance.now() - began).toBeLessThan(5_000)
  },
  20_000,
)

test('told by SIGHUP a process reads the file again; without one that may change, the signal ends it', async () => {
  await using upstream = await startNamedServer('it')
  const GATEHOUSE_CONFIG = join(newDirectory(), 'gatehouse.yaml')
  const write = (words: string) => writeFileSync(GATEHOUSE_CONFIG, `version: 1\nupstreams: { it: { ${words} } }\n`)
  write(`url: ${upstream.url}`)
  await using run = start({ PORT: '0', GATEHOUSE_CONFIG })
  await run.until('MCP server started')
  run.kill('SIGHUP')
  await run.until('"isSame":true')
  write(`url: ${upstream.url}, colour: red`)
  await run.until(`${GATEHOUSE_CONFIG}:2:`)
  run.kill('SIGHUP')
  write(`url: ${upstream.url}, concurrency: 3`)
  run.kill('SIGHUP')
  await run.until('"upstreams":["it"]')
  run.kill('SIGTERM')
  expect(await run.exited).toBe(0)

  await using without = start({ PORT: '0' })
  await without.until('MCP server started')
  without.kill('SIGHUP')
  expect(await without.exited).toBe(null)
}, 30_000)

test('a port in use is said so, without a stack', async () => {
  await using first = start({ PORT: '0' })
  await first.until('MCP server started')
  const port = /listening at http:\S+?:(\d+)"/.exec(first.output())?.[1] ?? ''
  await using second = start({ PORT: port })
  expect(await second.exited).toBe(1)
  expect(second.output()).toContain(`HOST localhost, PORT ${port}: cannot listen there (EADDRINUSE). Is something else`)
  expect(second.output()).not.toContain('    at ')
}, 20_000)

test('metrics are on a port of their own, and a port that is taken is a start fault', async () => {
  await using issuer = await createTokenIssuer()
  const [PORT, METRICS_PORT] = [String(await freePort()), String(await freePort())]
  const MCP_RESOURCE_URL = `http://localhost:${PORT}/mcp`
  await using run = start({ PORT, METRICS_PORT, MCP_RESOURCE_URL, MCP_ISSUER: issuer.issuer })
  await run.until('MCP server started')
  expect((await fetch(MCP_RESOURCE_URL, { method: 'POST' })).status).toBe(401)
  await expect.poll(async () => (await fetch(`http://localhost:${PORT}/readyz`)).status).toBe(200)
  const metrics = await (await fetch(`http://localhost:${METRICS_PORT}/metrics`)).text()
  expect(metrics).toContain('gatehouse_ready 1')
  expect(metrics).toMatch(/gatehouse_key_set_age_seconds \d/)
  expect(metrics).toMatch(/duration_seconds_count\{method="POST",route="\/mcp",status="401"\} 1/)

  await using second = start({ PORT: '0', METRICS_PORT })
  expect(await second.exited).toBe(1)
  expect(second.output()).toMatch(/HOST \S+, METRICS_PORT \d+: cannot listen there \(EADDRINUSE\)\. Is something else/)
}, 30_000)
