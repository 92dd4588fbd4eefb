import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { type FakeServers, startFakeServers } from '../harness/fake-servers.ts'
import { createMcpService } from '../harness/mcp-service.ts'
import { startReplWorld } from '../harness/repl-world.ts'

/** The text as if it had not been wrapped. */
const words = (text: string) => text.replaceAll(/\s+/g, ' ')
const logins = (servers: FakeServers) => servers.seenAt('/device_authorization').map(({ form }) => form.get('scope'))
const lastEventIds = (servers: FakeServers) =>
  servers.seenAt('/mcp').flatMap(({ headers }) => headers['last-event-id'] ?? [])

test('a script runs one command a line, with results on standard output and all else on standard error', async () => {
  await using world = await startReplWorld()
  const repl = world.start()
  for (const line of [
    'list-tools',
    'call-tool greet {"name":"Ada"}',
    `call-tool greet '{"name":"quoted"}'`,
    'greet',
    'greet Grace Hopper',
    'multi-greet Ada',
    '# a comment',
    '',
    'list-prompts',
    'get-prompt greeting-template {"name":"Ada"}',
    'list-resources',
    'read-resource greeting://resource',
    'quit',
  ]) {
    repl.line(line)
  }
  expect(await repl.ended).toBe(0)
  expect(repl.stdout()).toBe(`greet                      Says hello
multi-greet
start-notification-stream
remove
fail
Hello, Ada!
Hello, quoted!
Hello, world!
Hello, Grace Hopper!
Good morning, Ada!
greeting-template  (name) A greeting
user: Greet Ada.
greeting://resource  A text
Hello from the resource
`)
  expect(repl.stderr()).toContain('· about to greet Ada')
  expect(words(repl.stderr())).toMatch(
    /✓ Connected to http:\S+ \(Fake server 1.2.3\): protocol 2025-11-25, session [0-9a-f-]+\./,
  )
})

test('with --json each line of standard output is one document, for commands, errors and notifications alike', async () => {
  await using world = await startReplWorld()
  const repl = world.start({ args: ['--json'] })
  for (const line of ['multi-greet Ada', 'call-tool nothing', 'get-prompt', 'frobnicate', 'help', 'quit'])
    repl.line(line)
  expect(await repl.ended).toBe(8)
  const documents = repl
    .stdout()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(documents).toMatchObject([
    { command: 'connect', result: { url: world.servers.mcpUrl, protocol: '2025-11-25', server: { name: 'fake' } } },
    { notification: { method: 'notifications/message', params: { data: 'about to greet Ada' } } },
    { command: 'multi-greet', result: { content: [{ text: 'Good morning, Ada!' }] } },
    { command: 'call-tool', error: { code: 'tool_failed', exit_code: 8 } },
    { command: 'get-prompt', error: { code: 'usage' } },
    { command: 'frobnicate', error: { code: 'usage' } },
    { command: 'help', result: { commands: expect.any(Array) } },
  ])
})

test('the exit code of a script is that of the first command that failed; the ones after it still run', async () => {
  await using world = await startReplWorld()
  const repl = world.start()
  for (const line of ['greet', 'call-tool fail', 'frobnicate', 'greet again']) repl.line(line)
  expect(await repl.end()).toBe(8)
  expect(repl.stdout()).toContain('it broke\nHello, again!\n')
  expect(repl.stderr()).toContain('There is no command "frobnicate"')
})

test('a first connection signs in', async () => {
  await using world = await startReplWorld()
  await world.shell.run(['logout'])
  const repl = world.start()
  repl.line('greet')
  expect(await repl.end()).toBe(0)
  expect(repl.stderr()).toContain('✓ Signed in as dev:ada')
  expect(repl.stdout()).toBe('Hello, world!\n')
})

test('a session that is left goes on with reconnect: the same id, and what was said meanwhile, once', async () => {
  await using world = await startReplWorld()
  const repl = world.start()
  await repl.says(/session [0-9a-f-]+/)
  const before = world.service.sessionIds
  await world.service.listening
  await world.service.announce('before the cut')
  await repl.says(/before the cut/)
  repl.line('disconnect')
  await repl.says(/The session stays open/)
  await world.service.announce('while away')
  repl.line('greet')
  await repl.says(/You are not connected/)
  repl.line('reconnect')
  await repl.says(/while away/)
  repl.line('greet again')
  await repl.says(/Hello, again!/)
  expect(world.service.sessionIds).toEqual(before)
  expect(lastEventIds(world.servers)).toHaveLength(1)
  expect(repl.stderr().match(/before the cut|while away/g)).toEqual(['before the cut', 'while away'])
  expect(await repl.end()).toBe(2) // of the command without a connection
  expect(world.service.sessionIds).toEqual([])
})

test('notifications come while commands go on, and the answer is taken up again after a cut, without loss or duplicate', async () => {
  await using world = await startReplWorld()
  const repl = world.start()
  repl.line('start-notifications 10 4')
  await repl.says(/Notifications come while you go on/)
  world.service.tick()
  await repl.says(/notification 1 of 4/)
  repl.line('greet')
  await repl.says(/Hello, world!/)
  repl.line('disconnect')
  await repl.says(/Disconnected/)
  world.service.tick()
  repl.line('reconnect')
  await repl.says(/notification 2 of 4/)
  repl.line('disconnect')
  await repl.says(/Disconnected/)
  world.service.tick()
  repl.line('reconnect')
  await repl.says(/notification 3 of 4/)
  world.service.cutStreams() // not ours: the SDK resumes by itself
  world.service.tick()
  await repl.says(/notification 4 of 4[\s\S]*sent 4/)
  repl.line('wait')
  await repl.says(/Nothing is under way/)
  expect(await repl.end()).toBe(0)
  expect(repl.stderr().match(/notification \d/g)).toEqual([1, 2, 3, 4].map((at) => `notification ${at}`))
})

test('a script that ends waits for the notifications it started; quit does not', async () => {
  await using world = await startReplWorld()
  const patient = world.start()
  patient.line('start-notifications 10 2')
  const ended = patient.end()
  await patient.says(/come while/)
  world.service.tick()
  world.service.tick()
  expect(await ended).toBe(0)
  expect(patient.stdout()).toBe('sent 2\n')
  const hasty = world.start()
  hasty.line('start-notifications 10 2')
  hasty.line('quit')
  expect(await hasty.ended).toBe(0)
  expect(hasty.stdout()).toBe('')
})

test('an answer that the server does not keep is told as lost', async () => {
  await using world = await startReplWorld({ resumable: false })
  const repl = world.start()
  repl.line('start-notifications 10 2')
  await repl.says(/come while/)
  repl.line('disconnect')
  repl.line('reconnect')
  await repl.says(/The answer is lost/)
  repl.line('greet')
  await repl.says(/Hello, world!/)
  await repl.end()
})

test('terminate-session ends it at the server; without a connection there is nothing to end', async () => {
  await using world = await startReplWorld()
  const repl = world.start()
  await repl.says(/session [0-9a-f-]+/)
  repl.line('disconnect')
  repl.line('terminate-session')
  await repl.says(/The session is ended/)
  expect(world.service.sessionIds).toEqual([])
  repl.line('terminate-session')
  await repl.says(/There is no session to end/)
  repl.line('connect')
  await repl.says(/Connected to/)
  repl.line('connect')
  await repl.says(/You are connected to/)
  repl.line('disconnect')
  expect(await repl.end()).toBe(0)
  expect(world.service.sessionIds, 'leaving ends a session that was left open').toEqual([])
})

test('a session that the server has forgotten is replaced, and the command is run in the new one', async () => {
  await using world = await startReplWorld()
  const repl = world.start()
  const [, first] = await repl.says(/session ([0-9a-f-]+)/)
  world.service.forgetSessions()
  repl.line('greet')
  await repl.says(/The server has ended the session; here is another one/)
  await repl.says(/Hello, world!/)
  world.service.forgetSessions()
  repl.line('reconnect')
  await repl.says(/here is another one[\s\S]*session/)
  expect(world.service.sessionIds).not.toContain(first)
  expect(await repl.end()).toBe(0)
})

test('without sessions the newest protocol is spoken, and --protocol decides where somebody wants another', async () => {
  await using world = await startReplWorld({ sessions: false })
  for (const [args, expected] of [
    [[], 'protocol 2026-07-28, no session'],
    [['--protocol', '2025-11-25'], 'protocol 2025-11-25, no session'],
    [['--protocol', '2026-07-28'], 'protocol 2026-07-28, no session'],
  ] as const) {
    const repl = world.start({ args })
    for (const line of ['terminate-session', 'start-notifications', 'wait', 'disconnect', 'reconnect', 'greet'])
      repl.line(line)
    expect([args, await repl.end()]).toEqual([args, 0])
    expect(words(repl.stderr())).toContain(expected)
    expect(repl.stderr()).toContain('There is no session to end')
    expect(repl.stderr()).toContain('notification 3 of 3')
    expect(repl.stdout()).toBe('sent 3\nHello, world!\n')
  }
  expect((await world.shell.run(['repl', '--protocol', '2024-01-01'])).code).toBe(2)
})

verifies('K7', 'a command that needs more asks the person for the union, and goes on in the same session', async () => {
  await using world = await startReplWorld()
  world.servers.behaviour.guarded = ['tools/call', 'prompts/get', 'resources/read']
  world.servers.behaviour.neededScope = (name) => (name === 'greeting-template' ? 'prompts' : 'more')
  const repl = world.start()
  await repl.says(/session [0-9a-f-]+/)
  const session = world.service.sessionIds
  for (const line of ['greet', 'get-prompt greeting-template {"name":"Ada"}', 'start-notifications 0 1', 'wait'])
    repl.line(line)
  expect(await repl.end()).toBe(0)
  expect(repl.stdout()).toBe('Hello, world!\nuser: Greet Ada.\nsent 1\n')
  expect(logins(world.servers)).toEqual(['read call', 'read call more', 'read call more prompts'])
  expect(session).toHaveLength(1)
  expect(world.servers.seenAt('/mcp').filter(({ body }) => body.includes('"initialize"'))).toHaveLength(1)
})

verifies('K7', 'a server that asks for another scope each time is given up, and the repl goes on', async () => {
  await using world = await startReplWorld()
  let count = 0
  world.servers.behaviour.neededScope = () => {
    count += 1
    return `more-${count}`
  }
  const repl = world.start()
  repl.line('start-notifications')
  repl.line('list-resources')
  expect(await repl.end()).toBe(4)
  expect(logins(world.servers)).toHaveLength(1 + 3)
  expect(repl.stdout()).toContain('greeting://resource')
})

test('a machine uses the repl with its secret, and the secret goes to no other server', async () => {
  await using world = await startReplWorld()
  await using other = await startFakeServers({ service: createMcpService() })
  const env = { GATEHOUSE_CLIENT_ID: 'machine', GATEHOUSE_CLIENT_SECRET: 'hush', GATEHOUSE_HOME: world.shell.home }
  const repl = world.start({ env })
  for (const line of ['greet', `connect ${other.mcpUrl}`, 'greet there', 'connect ftp://x']) repl.line(line)
  expect(await repl.end()).toBe(2)
  expect(repl.stdout()).toBe('Hello, world!\nHello, there!\n')
  const grants = (servers: FakeServers) => servers.seenAt('/token').map(({ form }) => form.get('grant_type'))
  expect(grants(world.servers)).toContain('client_credentials')
  expect(grants(other)).toEqual(['urn:ietf:params:oauth:grant-type:device_code'])
  expect(JSON.stringify(other.seen)).not.toContain(Buffer.from('machine:hush').toString('base64'))
})

verifies('K3', 'what the server says while a line is typed cannot act on the terminal', async () => {
  await using world = await startReplWorld()
  const repl = world.start()
  await repl.says(/session/)
  await world.service.listening
  await world.service.announce('one\u001b[2J\u001b]52;c;cm0=\u0007\u202e\ntwo')
  await repl.says(/· one two\n/)
  await repl.end()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(repl.stderr()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
})

test('Ctrl-C from outside ends the repl with 130', async () => {
  await using world = await startReplWorld()
  const stop = new AbortController()
  const repl = world.start({ signal: stop.signal })
  repl.line('start-notifications 10 2')
  await repl.says(/come while/)
  stop.abort()
  expect(await repl.ended).toBe(130)
})
