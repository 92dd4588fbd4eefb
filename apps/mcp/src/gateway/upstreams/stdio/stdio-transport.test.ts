import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JSONRPCMessage } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { StdioUpstream } from '../../settings.ts'
import { createInflow, largestInflow } from '../inflow.ts'
import { running } from './harness/running.ts'
import { commandSettings } from './harness/settings.ts'
import { createProcessGroups, type ProcessGroups } from './process-groups.ts'
import { createStdioTransport, type StdioTransportOptions } from './stdio-transport.ts'

const folder = mkdtempSync(join(tmpdir(), 'stdio-'))
const home = join(folder, 'homes')
const grace = { input: 300, term: 100, kill: 5_000 }
let groups: ProcessGroups
const lines: { level: string; members: object; message: string }[] = []
const at = (level: string) => (members: object, message: string) => void lines.push({ level, members, message })
const log = { info: at('info'), warn: at('warn'), error: at('error') }

beforeAll(async () => {
  groups = await createProcessGroups({ folder: join(folder, 'running'), log })
})
afterAll(async () => {
  await groups.close()
  expect(running(folder, 'cmdline')).toEqual([])
  rmSync(folder, { recursive: true })
})

function setUp(
  given: Partial<StdioUpstream> = {},
  behaviour: string[] = [],
  options: Partial<StdioTransportOptions> = {},
) {
  const environment = { ...process.env, CANARY: 'canary', MCP_SECRET: 'canary', REDIS_URL: 'canary', LANG: 'C.UTF-8' }
  const transport = createStdioTransport(commandSettings(behaviour, given), {
    inflow: createInflow(largestInflow),
    log,
    home,
    groups,
    environment,
    grace,
    ...options,
  })
  const faults: Error[] = []
  const closed = Promise.withResolvers<void>()
  const waiting = new Map<unknown, (result: unknown) => void>()
  transport.onclose = closed.resolve
  transport.onerror = (error) => faults.push(error)
  transport.onmessage = (message: JSONRPCMessage) => {
    if ('id' in message && 'result' in message) waiting.get(message.id)?.(message.result)
  }
  let last = 0
  async function request(method: string, params: Record<string, unknown> = {}): Promise<unknown> {
    last += 1
    const id = last
    const answer = new Promise((resolve) => waiting.set(id, resolve))
    await transport.send({ jsonrpc: '2.0', id, method, params })
    return answer
  }
  const tell = (method: string, params = {}) => transport.send({ jsonrpc: '2.0', method, params })
  return { transport, request, tell, faults, closed: closed.promise }
}

test('a command gets PATH, LANG, private folders and its settings, and nothing else of ours', async () => {
  const { transport, request } = setUp({ env: { TOKEN: () => 'from a file' } })
  await transport.start()
  const own = join(home, 'docs')
  const { PATH } = process.env
  expect(await request('environment')).toEqual({
    PATH,
    LANG: 'C.UTF-8',
    HOME: join(own, 'home'),
    TMPDIR: join(own, 'tmp'),
    TOKEN: 'from a file',
  })
  for (const path of [own, join(own, 'home'), join(own, 'tmp')]) expect(statSync(path).mode & 0o777).toBe(0o700)
  await transport.close()
})

test('what it answers arrives as it was written', async () => {
  const { transport, request } = setUp()
  await transport.start()
  expect(JSON.stringify(await request('echo', { z: 'ü\u2028', _meta: { a: 1 } }))).toBe(
    JSON.stringify({ z: 'ü\u2028', _meta: { a: 1 }, later: { b: 1, a: [null] } }),
  )
  expect(await request('large', { size: 9_000_000 })).toHaveProperty('text.length', 9_000_000)
  await transport.close()
})

test('lines that are no message are skipped, and logged', async () => {
  const { transport, request, tell, faults } = setUp()
  await transport.start()
  await tell('garbage')
  await request('echo')
  const said = lines.filter(({ message }) => message.includes('no message')).map(({ members }) => members)
  expect(said).toMatchObject([{ why: 'it is not JSON' }, { why: 'it is not JSON-RPC 2.0' }, { why: 'it is not UTF-8' }])
  expect(faults).toEqual([])
  await transport.close()
})

test('a message over 10 MB ends it, and says why', async () => {
  const { transport, tell, request, faults, closed } = setUp()
  await transport.start()
  await request('echo')
  await tell('large', { size: 11_000_000 })
  await closed
  expect(faults).toMatchObject([{ fault: 'invalid', message: 'docs sent a message over 10 MB' }])
  await transport.close()
  expect(running(home)).toEqual([])
})

test('its standard error goes to the log without its secrets, 8 KB a second at most', async () => {
  const { transport, tell } = setUp({ name: 'loud', env: { TOKEN: () => 'very-secret-token' } })
  await transport.start()
  await tell('stderr', { text: 'my token is very-secret-token' })
  await vi.waitFor(() =>
    expect(lines.map(({ members }) => members)).toContainEqual({ upstream: 'loud', stderr: 'my token is [TOKEN]' }),
  )
  await tell('flood')
  await vi.waitFor(() =>
    expect(lines.some(({ members }) => 'stderr' in members && String(members.stderr).startsWith('0 '))).toBe(true),
  )
  await transport.close()
  expect(JSON.stringify(lines)).not.toContain('very-secret-token')
  const dropped = lines.filter(
    ({ members }) => 'bytes' in members && (members as { upstream?: string }).upstream === 'loud',
  )
  expect(dropped.length).toBeGreaterThan(0)
})

test('who waits for an answer hears at once that the command died', async () => {
  const { transport, tell, closed } = setUp()
  await transport.start()
  await tell('die')
  await closed
  await expect(tell('echo')).rejects.toMatchObject({ fault: 'interrupted' })
  await transport.close()
  expect(running(home)).toEqual([])
})

test('what it says right before it ends is heard', async () => {
  const { transport, request, closed } = setUp()
  await transport.start()
  expect(await request('last', { size: 3_000_000 })).toHaveProperty('text.length', 3_000_000)
  await closed
  await transport.close()
})

test('who hears of the end may close it there and then', async () => {
  const { transport, tell } = setUp()
  const { promise, resolve } = Promise.withResolvers<void>()
  transport.onclose = () => resolve(transport.close())
  await transport.start()
  await tell('die')
  await promise
  expect(running(home)).toEqual([])
})

test.each(['deaf', 'grandchild'])(
  'the whole group of a %s command is ended, though it ignores SIGTERM',
  async (behaviour) => {
    const { transport } = setUp({}, [behaviour])
    await transport.start()
    const processes = behaviour === 'deaf' ? 1 : 2
    await vi.waitFor(() => expect(running(home)).toHaveLength(processes), { timeout: 10_000 })
    await transport.close()
    expect(running(home)).toEqual([])
    expect(readdirSync(join(folder, 'running'))).toEqual([])
  },
)

test('a command that cannot be started says why', async () => {
  const start = (given: Partial<StdioUpstream>, options = {}) => setUp(given, [], options).transport.start()
  const fails = (message: string) => ({ fault: 'unreachable', message: `docs cannot be started: ${message}` })
  await expect(start({ command: ['no-such-command'] })).rejects.toMatchObject(
    fails('there is no command no-such-command on its PATH'),
  )
  await expect(start({ cwd: '/no-such-folder' })).rejects.toMatchObject(fails('there is no folder /no-such-folder'))
  await expect(start({ user: 'no-such-user' })).rejects.toMatchObject(
    fails('there is no user no-such-user on this machine'),
  )
  await expect(start({}, { platform: 'win32' })).rejects.toMatchObject(
    fails('commands are not run on Windows: use WSL'),
  )
  expect(running(home)).toEqual([])
})

const isRoot = process.getuid?.() === 0

test.runIf(isRoot)('as another user it has no group of ours, and a home of its own', async () => {
  const closed = setUp({ user: '65534' }).transport
  await expect(closed.start()).rejects.toThrow(`user 65534 cannot get to ${folder}: let it through by chmod o+x`)
  chmodSync(folder, 0o711)
  const say = `{"jsonrpc":"2.0","id":1,"result":{"user":"'$(id -u)'","groups":"'$(id -G)'","left":"'$?'"}}`
  const script = `read line; touch "$HOME/here" "$TMPDIR/here"; echo '${say}'; read line`
  const { transport, request } = setUp({ name: 'other', user: '65534', command: ['/bin/sh', '-c', script] })
  await transport.start()
  expect(await request('who')).toEqual({ user: '65534', groups: '65534', left: '0' })
  await transport.close()
  expect(statSync(join(home, 'other/home/here')).uid).toBe(65_534)
})

test.runIf(!isRoot)('another user is refused where only root may change it', async () => {
  await expect(setUp({ user: 'root' }).transport.start()).rejects.toThrow('only root may')
})

test('the reference server lists its tools', async () => {
  const path = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))
  const { transport, request, tell } = setUp({ name: 'everything', command: [process.execPath, path, 'stdio'] })
  await transport.start()
  const clientInfo = { name: 'test', version: '0' }
  await request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  await tell('notifications/initialized')
  expect(await request('tools/list')).toHaveProperty(
    'tools',
    expect.arrayContaining([expect.objectContaining({ name: 'echo' })]),
  )
  await transport.close()
  expect(running(home)).toEqual([])
})

test('200 connections opened and closed leave nothing', async () => {
  for (let round = 0; round < 20; round += 1) {
    const ten = Array.from({ length: 10 }, () => setUp({ name: 'many', command: ['cat'] }).transport)
    await Promise.all(ten.map((transport) => transport.start()))
    await Promise.all(ten.map((transport) => transport.close()))
  }
  expect(running(home)).toEqual([])
  expect(readdirSync(join(folder, 'running'))).toEqual([])
})
