// Servers that need no sign-in, or need one only for a part of what they offer.
import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'
import { createMcpService } from '../harness/mcp-service.ts'

const oauthRequests = /register|device|token|well-known|revoke/

test('a server that asks for no sign-in is used without one, and nobody is asked', async () => {
  await using servers = await startFakeServers({ service: createMcpService({ sessions: false }) })
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.open = () => true
  const called = await shell.run(['call', 'greet', '{"name":"world"}'])
  expect(called).toEqual({ code: 0, stdout: 'Hello, world!\n', stderr: '' })
  expect((await shell.run(['tools', '--json'])).stdout).toContain('"greet"')
  expect((await shell.run(['prompts'])).stdout).toContain('greeting-template')
  expect((await shell.run(['resources'])).stdout).toContain('greeting://resource')
  expect(servers.seen.filter(({ path }) => oauthRequests.test(path))).toEqual([])
  expect(servers.seen.filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
})

test('a server whose list is open to all asks for a sign-in where a tool is called, and the call goes on', async () => {
  await using servers = await startFakeServers({ service: createMcpService({ sessions: false }) })
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.open = (method) => method !== 'tools/call'
  expect(await shell.run(['tools'])).toMatchObject({ code: 0, stderr: '' })
  const called = await shell.run(['call', 'greet', '{"name":"world"}'])
  expect(called).toMatchObject({ code: 0, stdout: 'Hello, world!\n', stderr: expect.stringContaining('Signed in as') })
  const pings = servers.seenAt('/mcp').filter(({ body }) => body.includes('"ping"'))
  expect(pings, 'the challenge that was met is the one that is used').toEqual([])
})

test('a server that answers 403 with a challenge where it means 401 is signed in to', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.unauthorized = 403
  servers.behaviour.open = (method) => method !== 'tools/call'
  const called = await shell.run(['call', 'greet'])
  expect(called).toMatchObject({ code: 0, stdout: 'Hello, world!\n', stderr: expect.stringContaining('Signed in as') })
  servers.behaviour.open = () => false
  await shell.run(['logout'])
  expect((await shell.run(['tools'])).code).toBe(0)
  expect((await shell.run(['login'])).code).toBe(0)
})

test('the repl uses an open server, and signs in when something there needs it', async () => {
  await using servers = await startFakeServers({ service: createMcpService() })
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.open = (method) => method !== 'tools/call'
  const { Readable } = await import('node:stream')
  const stdin = Readable.from(['list-tools\ngreet Ada\n'])
  const { code, stdout, stderr } = await shell.run(['repl'], { stdin })
  expect([code, stdout]).toEqual([0, expect.stringContaining('Hello, Ada!')])
  expect(stderr.indexOf('> list-tools')).toBeLessThan(stderr.indexOf('Sign in to'))
})

test('a token is not to be had from a server that asks for none, and it says so', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.open = () => true
  expect((await shell.run(['token'])).code).toBe(3)
})
