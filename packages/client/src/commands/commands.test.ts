import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exits } from '@gatehouse/network'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'
import { commands } from './index.ts'

test('a first call signs in by device code; only the result is on standard output, and the next call needs nobody', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const first = await shell.run(['call', 'greet', '{"name":"world"}'])
  expect([first.code, first.stdout]).toEqual([0, 'Hello, world!\n'])
  expect(first.stderr).toBe(`Sign in to ${servers.mcpUrl}

  Open   ${servers.issuer}/device?user_code=BDWP-HQTK
  Code   BDWP-HQTK

  On any device. The page must show the same code.

Waiting for you to approve, 10 min left.
✓ Signed in as dev:ada (read call), saved for next time

`)
  expect(await shell.run(['call', 'greet'])).toEqual({ code: 0, stdout: 'Hello, world!\n', stderr: '' })
})

test('with --json each command prints one document on standard output, errors too', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const document = async (...args: string[]) => JSON.parse((await shell.run([...args, '--json'])).stdout)
  expect(await document('token')).toMatchObject({ error: { code: 'not_signed_in', exit_code: 3 } })
  const signedIn = { subject: 'dev:ada', flow: 'device', scope: 'read call', renewable: true, issuer: servers.issuer }
  const login = await document('login')
  expect(login).toMatchObject({ ...signedIn, resource: servers.mcpUrl })
  expect(JSON.stringify(login)).not.toMatch(/token/)
  expect(await document('whoami')).toMatchObject({ ...signedIn, server_answer: { subject: 'dev:ada' } })
  expect(await document('tools')).toMatchObject({ tools: [{ name: 'greet' }, { name: 'whoami' }] })
  expect(await document('call', 'greet')).toMatchObject({ content: [{ type: 'text', text: 'Hello, world!' }] })
  expect(await document('token')).toMatchObject({ token_type: 'Bearer', scope: 'read call' })
  expect(await document('call', 'greet', 'no json')).toMatchObject({ error: { code: 'usage', exit_code: 2 } })
  expect(await document('call', 'nothing')).toMatchObject({ error: { code: 'tool_failed', exit_code: 8 } })
  expect(await document('logout')).toEqual({ signed_out: true, revoked: true })
  expect(await document('logout')).toEqual({ signed_out: false, revoked: false })
  expect(await document('frobnicate')).toMatchObject({ error: { code: 'usage' } })
})

test('a tool that fails ends with exit code 8 and its words on standard output', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  servers.behaviour.toolResult = { isError: true, content: [{ type: 'text', text: 'no such name' }] }
  const { code, stdout, stderr } = await shell.run(['call', 'greet'])
  expect([code, stdout, stderr]).toEqual([8, 'no such name\n', '✗ The tool reported an error.\n'])
})

verifies('K3', 'what a tool or a server says reaches the terminal as plain text', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.subject = 'dev:\u001b[31mada\u202e'
  await shell.run(['login'])
  const hostile = 'one\u001b[2J\u001b]52;c;cm0gLXJm\u0007\u009b1A\u202e\ntwo'
  servers.behaviour.toolResult = { content: [{ type: 'text', text: hostile }] }
  const text = await shell.run(['call', 'greet'])
  expect(text.stdout).toBe('one\ntwo\n')
  const { stdout } = await shell.run(['call', 'greet', '--json'])
  expect(JSON.parse(stdout).content[0].text).toBe(hostile)
  const shown = `${stdout}${(await shell.run(['whoami'])).stdout}${(await shell.run(['login'])).stderr}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
})

verifies('K3', 'a result of megabytes is cut for a terminal, and whole in a pipe', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  servers.behaviour.toolResult = { content: [{ type: 'text', text: 'x'.repeat(2_000_000) }] }
  const onTerminal = await shell.run(['call', 'greet'], { columns: 80 })
  expect([onTerminal.stdout.length, onTerminal.stderr]).toEqual([100_001, expect.stringContaining('use --json')])
  expect((await shell.run(['call', 'greet'])).stdout).toHaveLength(2_000_001)
})

test('a saved sign-in that cannot be read is told, and the call signs in again', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  for (const file of await readdir(join(shell.home, 'sessions')))
    await writeFile(join(shell.home, 'sessions', file), '{"half":')
  const { code, stderr } = await shell.run(['call', 'greet'])
  expect([code, stderr]).toEqual([0, expect.stringContaining('could not be read and is ignored')])
})

test('a folder that no sign-in can be kept in is told before anybody is asked to approve one', async () => {
  for (const folder of ['sessions', 'registrations', 'servers']) {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    await writeFile(join(shell.home, folder), 'in the way')
    const { code, stderr } = await shell.run(['login'])
    expect([code, stderr], folder).toEqual([1, expect.stringContaining('✗ The sign-in could not be saved.')])
    expect(stderr).toContain('set GATEHOUSE_HOME to a folder that is')
    expect(servers.seenAt('/device_authorization')).toEqual([])
  }
})

test('a client id given once is used by the commands after it', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login', '--client-id', 'known-client'])
  expect(JSON.parse((await shell.run(['whoami', '--json'])).stdout)).toMatchObject({ client_id: 'known-client' })
  expect(servers.seenAt('/register')).toEqual([])
})

test('an unknown client id, or a wrong secret, is told as such and starts no registration', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const { code, stderr } = await shell.run(['login', '--client-id', 'stranger'])
  expect([code, stderr]).toEqual([4, expect.stringContaining('does not accept this app')])
  expect(servers.seenAt('/register')).toEqual([])
})

test('--machine without a secret, two ways at once, and a secret file that is not there are told before anything is sent', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  expect((await shell.run(['login', '--machine'])).code).toBe(2)
  expect((await shell.run(['login', '--device', '--browser'])).code).toBe(2)
  expect((await shell.run(['login', '--timeout', 'soon'])).code).toBe(2)
  expect((await shell.run(['login'], { env: { GATEHOUSE_CLIENT_SECRET_FILE: '/nowhere' } })).code).toBe(2)
  expect((await shell.run(['tools', '--short'])).code).toBe(2)
  expect((await shell.run(['logout', '--qr'])).code).toBe(2)
  expect(servers.seen).toEqual([])
})

test('the secret of the environment is not sent for a client id from the command line', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const env = { GATEHOUSE_CLIENT_ID: 'machine', GATEHOUSE_CLIENT_SECRET: 'hush' }
  await shell.run(['login', '--client-id', 'known-client'], { env })
  expect(JSON.stringify(servers.seen)).not.toContain(Buffer.from('machine:hush').toString('base64'))
  expect(servers.seenAt('/token').map(({ form }) => form.get('client_id'))).toEqual(['known-client'])
})

test('a server that is not there, and one that publishes nothing, have their own exit codes', async () => {
  await using shell = await createCommandLine('http://127.0.0.1:1/mcp')
  expect((await shell.run(['login'])).code).toBe(6)
  await using servers = await startFakeServers()
  await using lost = await createCommandLine(servers.mcpUrl.replace('/mcp', '/elsewhere'))
  expect((await lost.run(['login'])).code).toBe(7)
})

test('Ctrl-C ends a sign-in with exit code 130 and saves nothing', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const stop = new AbortController()
  servers.behaviour.deviceAuthorization = { interval: 60 }
  const { code, stderr } = await shell.run(['login'], {
    signal: stop.signal,
    async fetch(url, init) {
      const response = await fetch(url, init)
      if (url.endsWith('/device_authorization')) stop.abort()
      return response
    },
  })
  expect([code, stderr]).toEqual([130, expect.stringContaining('✗ Stopped.')])
  expect((await shell.run(['token'])).code).toBe(3)
})

test('the help lists every command and every exit code, and each command has its own', async () => {
  await using shell = await createCommandLine('http://127.0.0.1:1/mcp')
  const { stdout } = await shell.run(['--help'])
  for (const { name, summary } of commands) expect(stdout).toMatch(new RegExp(`^  ${name}.*  ${summary}$`, 'm'))
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  for (const { code, meaning } of Object.values(exits)) {
    expect(stdout).toMatch(new RegExp(`^  ${code} +${meaning.slice(0, 60)}`, 'm'))
    expect(readme).toContain(`| ${code} | ${meaning} |`)
  }
  for (const { name } of commands) expect(readme).toContain(`\`${name}`)
  for (const command of commands) {
    const help = await shell.run([command.name, '--help'])
    expect([help.code, help.stderr]).toEqual([0, ''])
    for (const option of Object.keys(command.options)) expect(help.stdout).toContain(`--${option}`)
  }
  expect((await shell.run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})
