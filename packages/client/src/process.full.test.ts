// Real processes: what only goes wrong, or right, between them.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { createCommandLine, createTestClock } from './harness/command-line.ts'
import { type FakeServers, startFakeServers } from './harness/fake-servers.ts'

const cli = fileURLToPath(new URL('harness/cli.ts', import.meta.url))

function start(args: readonly string[], { servers, home }: { servers: FakeServers; home: string }) {
  const child: ChildProcessWithoutNullStreams = spawn(
    process.execPath,
    ['--conditions=gatehouse-source', cli, ...args, '--url', servers.mcpUrl],
    { env: { ...process.env, GATEHOUSE_HOME: home } },
  )
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr, [code]]) => ({ code: code as number, stdout, stderr }),
  )
  return { child, ended }
}

/** Servers and a home with a sign-in whose access token ended an hour ago. */
async function startWithExpiredSession() {
  const servers = await startFakeServers()
  const shell = await createCommandLine(servers.mcpUrl, createTestClock(Date.now() / 1000 - 3600))
  await shell.run(['login'])
  servers.seen.length = 0
  return {
    servers,
    home: shell.home,
    refreshes: () => servers.seenAt('/token').length,
    async [Symbol.asyncDispose]() {
      await shell[Symbol.asyncDispose]()
      await servers[Symbol.asyncDispose]()
    },
  }
}

verifies(
  'K5',
  'of many processes that need a new token at once, one renews it and all go on signed in',
  async () => {
    await using world = await startWithExpiredSession()
    world.servers.behaviour.refreshDelay = 300
    const runs = await Promise.all(Array.from({ length: 6 }, () => start(['token'], world).ended))
    expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(Array.from({ length: 6 }, () => [0, '']))
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(1)
    expect(world.refreshes()).toBe(1)
    expect((await start(['call', 'greet'], world).ended).stdout).toBe('Hello, world!\n')
  },
  60_000,
)

verifies(
  'K5',
  'of many processes whose token the server refuses, one renews it and all get their answer',
  async () => {
    await using world = await startWithExpiredSession()
    await start(['token'], world).ended
    world.servers.revokeAccessTokens()
    world.servers.behaviour.refreshDelay = 300
    const runs = await Promise.all(Array.from({ length: 4 }, () => start(['call', 'greet'], world).ended))
    expect(runs).toEqual(Array.from({ length: 4 }, () => ({ code: 0, stdout: 'Hello, world!\n', stderr: '' })))
    expect(world.refreshes()).toBe(1 + 1)
  },
  60_000,
)

verifies(
  'K5',
  'a lock that a killed process left behind does not keep the others out',
  async () => {
    await using world = await startWithExpiredSession()
    const folder = join(world.home, 'sessions')
    const [file = ''] = await readdir(folder)
    const lock = join(folder, `${file}.lock`)
    await mkdir(lock)
    await utimes(lock, Date.now() / 1000 - 60, Date.now() / 1000 - 60)
    expect((await start(['token'], world).ended).code).toBe(0)
    expect(await readdir(folder)).toEqual([file])
  },
  30_000,
)

test('Ctrl-C while waiting for the person ends with 130 and leaves no sign-in and no half-written file', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.deviceAuthorization = { interval: 60 }
  const { child, ended } = start(['login', '--json'], { servers, home: shell.home })
  child.stderr.on('data', (chunk) => String(chunk).includes('Waiting') && child.kill('SIGINT'))
  const { code, stdout } = await ended
  expect([code, JSON.parse(stdout).error.code]).toEqual([130, 'interrupted'])
  expect(await readdir(join(shell.home, 'sessions'))).toEqual([])
}, 30_000)

test('a reader that stops reading ends the command quietly', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  servers.behaviour.toolResult = { content: [{ type: 'text', text: 'line\n'.repeat(500_000) }] }
  const { child, ended } = start(['call', 'greet'], { servers, home: shell.home })
  child.stdout.once('data', () => child.stdout.destroy())
  expect(await ended.catch(() => once(child, 'close').then(([code]) => ({ code, stderr: '' })))).toMatchObject({
    code: 0,
    stderr: '',
  })
}, 30_000)
