import { readFileSync, writeFileSync } from 'node:fs'
import { createMetrics, type Metrics } from '@gatehouse/service'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test, vi } from 'vitest'
import { type GatewayServer, startWithFile, tellingCommand } from './harness/gateway-file.ts'
import { type Era, eras, requestOf } from './harness/mcp-server.ts'
import { type NamedServer, startNamedServer } from './harness/named-server.ts'
import { openSession, readEvents } from './harness/session-client.ts'

const list = requestOf('2025-11-25', 'tools/list').message

async function connect(server: GatewayServer, place: string, era: Era): Promise<Client> {
  const token = await server.sign({ aud: server.at(place) })
  const client = new Client(
    { name: 'test', version: '1' },
    era === '2026-07-28' ? { versionNegotiation: { mode: 'auto' } } : {},
  )
  const authProvider = { token: async () => token }
  await client.connect(new StreamableHTTPClientTransport(new URL(server.at(place)), { authProvider }))
  return client
}

/** What a tool of a {@link NamedServer} says. */
async function say(client: Client, name: string): Promise<string> {
  const { content } = await client.callTool({ name, arguments: {} })
  return (content as { text: string }[])[0]?.text ?? ''
}

const sessionAt = async (server: GatewayServer, place: string) =>
  openSession({ resource: server.at(place), token: await server.sign({ aud: server.at(place) }) })

const toolsOf = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name)
const linesWith = (server: GatewayServer, words: string) =>
  server.log.filter((line) => line.includes(words)).map((line) => JSON.parse(line))
const statusAt = async (server: GatewayServer, place: string) =>
  (await fetch(server.at(place), { method: 'POST' })).status
const entry = ({ url }: NamedServer) => ({ url })
async function reloadsIn(metrics: Metrics): Promise<Record<string, number>> {
  const { text } = await metrics.read()
  const rows = text.matchAll(/^gatehouse_config_reloads_total\{result="(\w+)"\} (\d+)$/gm)
  return Object.fromEntries([...rows].map(([, result, count]) => [result, Number(count)]))
}

test('a faulty file changes nothing, and all its faults are told in one line', async () => {
  await using one = await startNamedServer('one')
  const metrics = createMetrics({ ofProcess: false })
  await using server = await startWithFile(
    { endpoints: { '/a': ['one'] }, upstreams: { one: entry(one) } },
    { metrics },
  )
  const client = await connect(server, '/a', '2026-07-28')
  expect(await say(client, 'who')).toBe('one')
  const good = readFileSync(server.file.path, 'utf8')
  server.file.write(`version: 1\ncolour: red\nendpoints: [{ resource: ${server.at('/b')}, name: B }]\nupstreams: {}\n`)
  server.reload()
  const isFaulty = async () => /^gatehouse_config_faulty (\d)$/m.exec((await metrics.read()).text)?.[1]
  expect(await isFaulty()).toBe('1')
  server.reload()
  expect(await isFaulty(), 'the same fault again').toBe('1')
  expect(linesWith(server, 'is faulty').slice(0, 1)).toMatchObject([
    {
      level: 50,
      faults: [
        expect.stringContaining(`${server.file.path}:2:1 colour:`),
        expect.stringContaining(`${server.file.path}:4:1 upstreams:`),
      ],
    },
  ])
  expect([await statusAt(server, '/a'), await statusAt(server, '/b')]).toEqual([401, 404])
  expect(await say(client, 'who')).toBe('one')
  server.file.write(good)
  server.reload()
  expect(linesWith(server, 'read again')).toMatchObject([{ isSame: true, upstreams: [] }])
  expect(await isFaulty()).toBe('0')
  expect(await reloadsIn(metrics)).toEqual({ faulty: 2, unchanged: 1 })
  await client.close()
})

test.each(eras)('a call that is under way ends where it began, the next goes to the new server (%s)', async (era) => {
  await using before = await startNamedServer('before')
  await using after = await startNamedServer('after')
  await using other = await startNamedServer('other')
  const endpoints = { '/a': ['it', 'other'] }
  const metrics = createMetrics({ ofProcess: false })
  await using server = await startWithFile(
    { endpoints, upstreams: { it: entry(before), other: entry(other) } },
    { metrics },
  )
  const client = await connect(server, '/a', era)
  const waiting = [say(client, 'it__wait'), say(client, 'other__wait')]
  await vi.waitFor(() => expect([before.waiting(), other.waiting()]).toEqual([1, 1]))
  after.tools = ['who', 'more']
  server.file.write({ endpoints, upstreams: { it: entry(after), other: entry(other) } })
  server.reload()
  expect(linesWith(server, 'read again')).toMatchObject([{ isSame: false, upstreams: ['it'] }])
  expect(await say(client, 'it__who')).toBe('after')
  expect(await toolsOf(client)).toEqual(['it__who', 'it__more', 'other__who', 'other__wait'])
  before.release()
  other.release()
  expect(await Promise.all(waiting)).toEqual(['before', 'other'])
  expect(await reloadsIn(metrics)).toEqual({ changed: 1 })
  await client.close()
})

test('endpoints come and go: one that is gone ends its streams, one that stays keeps its sessions and hears of the change', async () => {
  await using one = await startNamedServer('one')
  await using two = await startNamedServer('two')
  const upstreams = { one: entry(one), two: entry(two) }
  await using server = await startWithFile({ endpoints: { '/stays': ['one'], '/goes': ['two'] }, upstreams })
  const [stays, goes] = [await sessionAt(server, '/stays'), await sessionAt(server, '/goes')]
  const [heard, ended] = [readEvents(await stays.get()), readEvents(await goes.get())]
  await heard.next()
  const listen = requestOf('2026-07-28', 'subscriptions/listen', { notifications: { toolsListChanged: true } })
  const authorization = `Bearer ${goes.token}`
  const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const listening = readEvents(
    await fetch(server.at('/goes'), {
      method: 'POST',
      headers: { ...json, ...listen.headers, authorization },
      body: JSON.stringify(listen.message),
    }),
  )
  await listening.next()
  const call = { ...list, method: 'tools/call', params: { name: 'wait', arguments: {} } }
  const waiting = goes.post(call)
  await vi.waitFor(() => expect(two.waiting()).toBe(1))
  expect((await stays.post(list)).status).toBe(200)

  server.file.write({ endpoints: { '/stays': ['one', 'two'], '/comes': ['two'] }, upstreams })
  server.reload()
  expect(await statusAt(server, '/goes')).toBe(404)
  await ended.rest()
  await listening.rest()
  const client = await connect(server, '/comes', '2026-07-28')
  expect(await say(client, 'who')).toBe('two')
  expect(await toolsOf(client)).toEqual(['who', 'wait'])
  await client.close()

  expect(await (await stays.post(list)).text()).toContain('two__who')
  const methods = new Set([(await heard.next())?.message?.method, (await heard.next())?.message?.method])
  expect([...methods]).toContain('notifications/tools/list_changed')
  await heard.cancel()

  two.release()
  expect(await (await waiting).text(), 'what was begun where it is gone').toContain('two')
  const document = await fetch(`${server.origin}/.well-known/oauth-protected-resource/comes`)
  expect(await document.json()).toMatchObject({ resource: server.at('/comes'), resource_name: 'Tools at /comes' })

  server.file.write({ endpoints: { '/goes': ['one'] }, upstreams })
  server.reload()
  expect([await statusAt(server, '/stays'), await statusAt(server, '/goes')]).toEqual([404, 401])
})

test('of a command whose settings changed no process is left, and the next call has the new environment', async () => {
  const withEnv = (LEVEL: string) => ({ telling: { command: tellingCommand, env: { LEVEL } } })
  await using server = await startWithFile({ endpoints: { '/a': ['telling'] }, upstreams: withEnv('one') })
  const client = await connect(server, '/a', '2026-07-28')
  const tell = async () => JSON.parse(await say(client, 'tell'))
  const before = await tell()
  server.file.write({ endpoints: { '/a': ['telling'] }, upstreams: withEnv('two') })
  server.reload()
  const after = await tell()
  expect([before.environment.LEVEL, after.environment.LEVEL]).toEqual(['one', 'two'])
  await vi.waitFor(() => expect(() => process.kill(before.pid, 0)).toThrow(/ESRCH/), { timeout: 10_000 })
  process.kill(after.pid, 0)
  await client.close()
}, 30_000)

test('a host whose last endpoint is gone is unknown; its tokens and documents are of no use', async () => {
  const builtin = ['builtin']
  await using server = await startWithFile({ endpoints: { '/a': builtin, '127.0.0.1/b': builtin } })
  const authorization = `Bearer ${await server.sign({ aud: server.at('127.0.0.1/b') })}`
  const ask = () => fetch(server.at('127.0.0.1/b'), { method: 'POST', headers: { authorization } })
  const document = `${new URL(server.at('127.0.0.1/b')).origin}/.well-known/oauth-protected-resource/b`
  expect([(await ask()).status, (await fetch(document)).status]).toEqual([400, 200])
  server.file.write({ endpoints: { '/a': builtin } })
  server.reload()
  expect([(await ask()).status, (await fetch(document)).status]).toEqual([421, 404])
  server.file.write({ endpoints: { '/a': builtin, '127.0.0.1/b': builtin } })
  server.reload()
  expect((await ask()).status).toBe(400)
})

test('what an endpoint is called may change, too', async () => {
  await using server = await startWithFile({ endpoints: { '/a': ['builtin'] } })
  const text = readFileSync(server.file.path, 'utf8').replace('Tools at /a', 'Other words')
  server.file.write(text)
  server.reload()
  const document = await fetch(`${server.origin}/.well-known/oauth-protected-resource/a`)
  expect(await document.json()).toMatchObject({ resource_name: 'Other words' })
  const client = await connect(server, '/a', '2025-11-25')
  expect(client.getServerVersion()).toMatchObject({ title: 'Other words' })
  await client.close()
})

test('a client that listens hears what the new server has, and goes on listening there', async () => {
  await using before = await startNamedServer('before')
  await using after = await startNamedServer('after')
  await using server = await startWithFile({ endpoints: { '/a': ['it'] }, upstreams: { it: entry(before) } })
  const token = await server.sign({ aud: server.at('/a') })
  const changes: (readonly string[])[] = []
  const client = new Client(
    { name: 'test', version: '1' },
    {
      versionNegotiation: { mode: 'auto' },
      listChanged: {
        tools: { onChanged: (_error, tools) => void changes.push((tools ?? []).map(({ name }) => name)) },
      },
    },
  )
  const authProvider = { token: async () => token }
  await client.connect(new StreamableHTTPClientTransport(new URL(server.at('/a')), { authProvider }))
  await toolsOf(client)
  after.tools = ['other']
  server.file.write({ endpoints: { '/a': ['it'] }, upstreams: { it: entry(after) } })
  server.reload()
  await vi.waitFor(() => expect(changes.at(-1)).toEqual(['other']))
  await client.close()
})

test('the file and the secrets that it names are watched', async () => {
  await using one = await startNamedServer('one')
  const write = (server: GatewayServer, name: string, content: string) =>
    writeFileSync(server.file.path.replace('gatehouse.yaml', name), content)
  await using server = await startWithFile({ endpoints: { '/a': ['one'] }, upstreams: { one: entry(one) } })
  const changes = () => linesWith(server, 'read again').map(({ upstreams }) => upstreams)
  write(server, 'token', 'Bearer one')
  const credential = { kind: 'header', value: { file: 'token' } }
  server.file.write({ endpoints: { '/a': ['one'] }, upstreams: { one: { ...entry(one), credential } } })
  await vi.waitFor(() => expect(changes()).toEqual([['one']]), { timeout: 10_000 })
  write(server, 'unrelated', 'words')
  write(server, 'token', 'Bearer two')
  await vi.waitFor(() => expect(changes()).toEqual([['one'], ['one']]), { timeout: 10_000 })
  expect(server.log.join('')).not.toContain('Bearer two')
}, 30_000)
