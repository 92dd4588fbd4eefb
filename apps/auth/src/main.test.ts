// The process itself: how it starts, refuses to start and ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileCache, freePort } from '@gatehouse/testing'
import { afterEach, expect, test } from 'vitest'
import { createDataDir } from './harness/auth-server.ts'

const directories: string[] = []
const running: ChildProcess[] = []
afterEach(async () => {
  for (const child of running.splice(0))
    if (child.exitCode === null && child.signalCode === null) await end(child, 'SIGKILL')
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function newDataDir(): string {
  const directory = createDataDir()
  directories.push(directory)
  return directory
}

/** Starts main.ts from source, with nothing of our environment but what it needs to run. */
function start(environment: Readonly<Record<string, string>>) {
  const main = join(import.meta.dirname, 'main.ts')
  const child = spawn(process.execPath, ['--conditions=gatehouse-source', main], {
    env: { PATH: process.env.PATH, ...compileCache, ...environment },
  })
  running.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  return {
    child,
    output: () => output,
    ended: once(child, 'close').then(([code]) => code as number | null),
    said: async (text: string) => {
      while (!output.includes(text))
        await Promise.race([
          once(child.stdout, 'data'),
          once(child, 'close').then(() => Promise.reject(new Error(output))),
        ])
    },
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}

test('a faulty configuration ends the process with code 1 and every fault, without a stack or a secret', {
  timeout: 20_000,
}, async () => {
  const { ended, output } = start({
    DATA_DIR: newDataDir(),
    PORT: 'x',
    AUTH_SECRET: 'tiny-secret',
    AUTH_LIFETIMES: '{',
    AUTH_ISSUER: 'https://auth.example.com/',
  })
  expect(await ended).toBe(1)
  expect(output()).toMatch(/^The authorization server cannot start:\n(- .+\n){5}$/)
  for (const name of ['PORT', 'AUTH_SECRET', 'AUTH_LIFETIMES', 'AUTH_ISSUER', 'No login'])
    expect(output()).toContain(name)
  expect(output()).not.toContain('tiny-secret')
})

test('a faulty client file ends the process in the same way', { timeout: 20_000 }, async () => {
  const { ended, output } = start({ DATA_DIR: newDataDir(), AUTH_CLIENTS_FILE: '/nowhere/clients.json' })
  expect(await ended).toBe(1)
  expect(output()).toBe(
    'The authorization server cannot start:\n- AUTH_CLIENTS_FILE /nowhere/clients.json: cannot be read (ENOENT).\n',
  )
})

test('SIGHUP makes it read the file of the gateway again, and ends nothing', { timeout: 60_000 }, async () => {
  const dataDir = newDataDir()
  const GATEHOUSE_CONFIG = join(dataDir, 'gatehouse.yaml')
  writeFileSync(GATEHOUSE_CONFIG, 'upstreams: { docs: { url: "https://docs.example.com/mcp" } }\nversion: 1\n')
  const { child, said } = start({ DATA_DIR: dataDir, PORT: String(await freePort()), GATEHOUSE_CONFIG })
  await said('the authorization server listens')
  child.kill('SIGHUP')
  await said('the file of the gateway was read again')
  await end(child, 'SIGTERM')
  expect(child.exitCode).toBe(0)
})

test('it starts, says where and how loudly the developer login is on, refuses a second one beside it, and ends on a signal', {
  timeout: 60_000,
}, async () => {
  const port = String(await freePort())
  const environment = { DATA_DIR: newDataDir(), PORT: port, AUTH_ISSUER: `http://localhost:${port}` }
  const first = start(environment)
  await first.said('the authorization server listens')
  await first.said('the developer login is on')
  const { status } = await fetch(`http://localhost:${port}/readyz`)
  expect(status).toBe(200)
  const secretFile = join(environment.DATA_DIR, 'auth.secret')
  expect(statSync(secretFile).mode & 0o777).toBe(0o600)

  const sameFile = start({ ...environment, PORT: '0' })
  expect(await sameFile.ended).toBe(1)
  expect(sameFile.output()).toContain('REDIS_URL')
  const samePort = start({ ...environment, DATA_DIR: newDataDir() })
  expect(await samePort.ended).toBe(1)
  expect(samePort.output()).toContain(`PORT ${port}: cannot listen there (EADDRINUSE). Is something else`)
  const elsewhere = start({ ...environment, DATA_DIR: newDataDir(), HOST: '192.0.2.1' })
  expect(await elsewhere.ended).toBe(1)
  expect(elsewhere.output()).toContain(`HOST 192.0.2.1, PORT ${port}: cannot listen there (EADDRNOTAVAIL). Is HOST an`)
  for (const { output } of [sameFile, samePort, elsewhere]) expect(output()).not.toMatch(/\n\s+at /)

  first.child.kill('SIGTERM')
  expect(await first.ended).toBe(0)
})

test('metrics are on a port of their own, and a port that is taken is a start fault', { timeout: 30_000 }, async () => {
  const [port, metricsPort] = [String(await freePort()), String(await freePort())]
  const issuer = `http://localhost:${port}`
  const { child, said, ended, output } = start({
    DATA_DIR: newDataDir(),
    PORT: port,
    METRICS_PORT: metricsPort,
    AUTH_ISSUER: issuer,
  })
  await said('the authorization server listens')
  const refused = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'made-up', client_id: 'nobody' }),
  })
  expect(refused.status).toBe(401)
  const metrics = await (await fetch(`http://localhost:${metricsPort}/metrics`)).text()
  expect(metrics).toContain('gatehouse_ready 1')
  expect(metrics).toContain('gatehouse_token_answers_total{grant_type="other",error="invalid_client"} 1')
  expect(metrics).toMatch(
    /gatehouse_http_request_duration_seconds_count\{method="POST",route="\/token",status="401"\} 1/,
  )
  expect(metrics).not.toMatch(/made-up|nobody/)
  expect((await fetch(`${issuer}/metrics`)).status, 'not where everybody is').toBe(404)

  const second = start({ DATA_DIR: newDataDir(), PORT: String(await freePort()), METRICS_PORT: metricsPort })
  expect(await second.ended).toBe(1)
  expect(second.output()).toContain(`METRICS_PORT ${metricsPort}: cannot listen there (EADDRINUSE)`)
  await end(child, 'SIGTERM')
  expect(await ended).toBe(0)
  // for anyone who collects logs: no library says something of its own
  for (const line of output().trim().split('\n')) expect(() => JSON.parse(line), line).not.toThrow()
})
