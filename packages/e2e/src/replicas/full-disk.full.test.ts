// No room on the disk, a folder that cannot be written, and a log that nobody takes.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, type RunningProcess, startProcess, until, verifies } from '@gatehouse/testing'
import { afterEach, beforeEach, expect } from 'vitest'
import { startCluster, terminal } from './cluster.ts'
import { type Answer, approvedDevice, ask, elsewhere, post, refresh, register, whoami } from './wire.ts'

/** Milliseconds. */
const startsWithin = 30_000
const endsWithin = 20_000
/** Blocks of 512 or 1024 bytes, as the shell has it: more than two sign-ins write, less than SQLite writes before it tidies up. */
const smallDisk = 3_000
/** Bytes that a file of a small disk may have: more than SQLite writes for some apps. */
const smallFile = 2_000_000
const codesAtMost = 3_000
/** More lines than a pipe and what waits for it can hold. */
const many = 4_000
const atOnce = 40

let folder: string
const running: RunningProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-full-'))
})
afterEach(async () => {
  for (const each of running.splice(0)) {
    each.signal('SIGKILL')
    await each.exited
  }
  rmSync(folder, { recursive: true, force: true })
})

interface Surroundings {
  /** What the shell does before it becomes the service. */
  readonly limits?: string
  /** Where standard output goes. */
  readonly log?: string
  readonly env?: Readonly<Record<string, string>>
  /** By default a free one. */
  readonly port?: number | undefined
}

async function start(name: 'auth' | 'mcp', { limits = ':', log, env = {}, port: given }: Surroundings) {
  const [free = 0, metricsPort = 0] = await freePorts(2)
  const port = given ?? free
  const url = `http://localhost:${port}`
  const node = `exec "${process.execPath}" --conditions=gatehouse-source apps/${name}/src/main.ts`
  const service = startProcess(['-c', `${limits}; ${node} ${log ? `> "${log}"` : ''}`], {
    command: 'sh',
    env: {
      DATA_DIR: folder,
      PORT: `${port}`,
      METRICS_PORT: `${metricsPort}`,
      TRUST_PROXY: '127.0.0.1, ::1',
      AUTH_ISSUER: url,
      AUTH_LIFETIMES: '{"deviceInterval":1}',
      MCP_RESOURCE_URL: `${url}/mcp`,
      ...env,
    },
  })
  running.push(service)
  const metric = async (wanted: string) => {
    const { text } = await ask(`http://localhost:${metricsPort}/metrics`)
    return Number(new RegExp(`^${wanted} (.+)$`, 'm').exec(text)?.[1])
  }
  return { url, service, metric, lives: async () => (await ask(`${url}/livez`)).status === 200 }
}

async function askOften(url: string, times: number): Promise<ReadonlySet<number>> {
  const statuses = new Set<number>()
  for (let count = 0; count < times; count += atOnce) {
    const answers = await Promise.all(Array.from({ length: atOnce }, () => ask(url)))
    for (const { status } of answers) statuses.add(status)
  }
  return statuses
}

function registerAs(url: string, name: string): Promise<Answer> {
  return register({ issuer: url, resource: '' }, name)
}

async function expectEnd(service: RunningProcess): Promise<void> {
  service.signal('SIGTERM')
  await until(() => service.hasExited(), endsWithin)
}

for (const name of ['auth', 'mcp'] as const) {
  const path = name === 'auth' ? '/jwks' : '/.well-known/oauth-protected-resource'

  verifies('X24', `${name}: a log on a full disk costs lines, which are counted, and nothing else`, async () => {
    const { url, service, metric, lives } = await start(name, { log: '/dev/full' })
    await until(lives, startsWithin)
    expect(await askOften(url + path, 2 * atOnce)).toEqual(new Set([200]))
    expect(await metric('gatehouse_log_lines_dropped')).toBeGreaterThan(2 * atOnce)
    await expectEnd(service)
  })

  verifies('X24', `${name}: a log that nobody reads holds nobody up, and says later what it lacks`, async () => {
    const log = join(folder, 'log')
    execFileSync('sh', ['-c', 'mkfifo "$0"', log])
    const reader = openSync(log, constants.O_RDONLY | constants.O_NONBLOCK)
    const { url, service, metric, lives } = await start(name, { log })
    await until(lives, startsWithin)
    expect(await askOften(url + path, many)).toEqual(new Set([200]))
    expect(await metric('gatehouse_log_lines_dropped')).toBeGreaterThan(0)

    let text = ''
    await until(async () => {
      text = `${text.slice(-10_000)}${readAll(reader)}`
      await ask(url + path)
      return text.includes('log lines were dropped')
    }, startsWithin)
    closeSync(reader)
    expect(await askOften(url + path, atOnce), 'the reader is gone').toEqual(new Set([200]))
    await expectEnd(service)
  })

  verifies(
    'X24',
    `${name}: an audit on a full disk, or without a folder, holds nobody up and is told of once`,
    async () => {
      for (const AUDIT_TO of ['/dev/full', join(folder, 'nowhere', 'audit.jsonl')]) {
        const { url, service, metric, lives } = await start(name, { env: { AUDIT_TO, DATA_DIR: join(folder, 'data') } })
        await until(lives, startsWithin)
        expect(await askOften(url + path, 2 * atOnce)).toEqual(new Set([200]))
        if (name === 'auth') {
          for (let count = 0; count < atOnce; count += 1) {
            expect((await registerAs(url, `App ${count}`)).status).toBe(201)
          }
          expect(service.output().split('audit lines cannot be written')).toHaveLength(2)
        }
        expect(await metric('gatehouse_audit_lines_total\\{result="written"\\}')).toBeNaN()
        await expectEnd(service)
      }
    },
  )

  verifies('X24', `${name}: a folder that cannot be written is a start fault that says so`, async () => {
    for (const surroundings of [{ env: { DATA_DIR: '/dev/null/data' } }, { limits: 'ulimit -f 0' }]) {
      const { service } = await start(name, surroundings)
      expect((await service.exited).code).toBe(1)
      expect(service.output()).toContain('cannot start')
      expect(service.output()).toContain(surroundings.env?.DATA_DIR ?? folder)
      expect(service.output(), 'no stack').not.toMatch(/^\s+at /m)
    }
    const { lives } = await start(name, {})
    await until(lives, startsWithin)
  })
}

verifies('X24', 'a disk that is full by now makes writes a 503, and what was written before is good', async () => {
  const [port] = await freePorts(1)
  const clients = join(folder, 'clients.json')
  writeFileSync(clients, JSON.stringify([terminal]))
  const env = { AUTH_CLIENTS_FILE: clients, AUTH_DEV_LOGIN: 'true' }
  const full = await start('auth', { port, env, limits: `ulimit -f ${smallDisk}` })
  await until(full.lives, startsWithin)
  const site = { issuer: full.url, resource: 'http://localhost:3000/mcp' }
  const approved = await approvedDevice(site)
  const { json: tokens } = await (await approvedDevice(site)).poll()
  const askForCode = () =>
    post(`${site.issuer}/device_authorization`, { client_id: terminal.client_id, resource: site.resource }, elsewhere())
  let refused: Answer | undefined
  for (let codes = 0; codes < codesAtMost && !refused; codes += atOnce) {
    const answers = await Promise.all(Array.from({ length: atOnce }, askForCode))
    refused = answers.find(({ status }) => status !== 200)
  }
  expect([refused?.status, refused?.headers.get('retry-after')]).toEqual([503, '1'])
  const statuses = [await approved.poll(), await refresh(site, tokens.refresh_token)].map(({ status }) => status)
  expect(statuses).toEqual([503, 503])
  expect((await ask(`${full.url}/jwks`)).status).toBe(200)
  expect(await full.lives()).toBe(true)
  expect(full.service.output()).not.toMatch(/unhandled|uncaught|"level":60/i)
  await expectEnd(full.service)

  const again = await start('auth', { port, env })
  await until(again.lives, startsWithin)
  expect((await approved.poll()).status, 'nothing was used up').toBe(200)
  expect((await refresh(site, tokens.refresh_token)).status).toBe(200)
})

verifies(
  'X24',
  'an audit that fills its disk in the middle of a line has each line whole once there is another file',
  async () => {
    const AUDIT_TO = join(folder, 'audit.jsonl')
    // what is there already leaves room for some lines and a part of one
    writeFileSync(AUDIT_TO, `${'x'.repeat(smallFile - 2_500)}\n`)
    const { url, service, lives } = await start('auth', {
      env: { AUDIT_TO, DATA_DIR: join(folder, 'data') },
      limits: `prlimit --pid $$ --fsize=${smallFile}`,
    })
    await until(lives, startsWithin)
    const names = Array.from({ length: 20 }, (_, index) => `App ${index}`)
    for (const name of names) expect((await registerAs(url, name)).status).toBe(201)
    await service.says(/audit lines cannot be written/)
    renameSync(AUDIT_TO, `${AUDIT_TO}.1`)
    service.signal('SIGHUP')
    await service.says(/audit lines are written again/)
    const [old = '', fresh = ''] = [`${AUDIT_TO}.1`, AUDIT_TO].map((path) => readFileSync(path, 'utf8'))
    expect(old, 'it ends in the middle of a line').not.toMatch(/\n$/)
    const whole = [...old.split('\n').slice(1, -1), ...fresh.trimEnd().split('\n')].map((line) => JSON.parse(line))
    expect(whole.flatMap(({ clientName }) => clientName ?? [])).toEqual(names)
    await expectEnd(service)
  },
)

verifies('X24', 'with Redis and a secret of its own no replica needs a place to write to', async () => {
  await using cluster = await startCluster({ started: false })
  const env = { DATA_DIR: '/dev/null/nowhere' }
  await Promise.all([...cluster.auth.replicas, ...cluster.mcp.replicas].map((replica) => replica.start({ env })))
  const { json, status } = await (await approvedDevice(cluster)).poll()
  expect(status).toBe(200)
  expect((await whoami(cluster, json.access_token)).status).toBe(200)
})

/** What has come by now. */
function readAll(pipe: number): string {
  const chunk = Buffer.alloc(65_536)
  let text = ''
  try {
    for (let length = readSync(pipe, chunk); length > 0; length = readSync(pipe, chunk))
      text += chunk.toString('latin1', 0, length)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
  return text
}
