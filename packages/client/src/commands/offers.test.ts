// The commands for what a server offers besides tools: prompts and resources.
import { verifies } from '@gatehouse/testing'
import { expect, test, vi } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'
import { createMcpService } from '../harness/mcp-service.ts'

async function startOffers() {
  const servers = await startFakeServers({ service: createMcpService({ sessions: false }) })
  const shell = await createCommandLine(servers.mcpUrl)
  return {
    servers,
    run: async (...args: string[]) => await shell.run(args),
    document: async (...args: string[]) => JSON.parse((await shell.run([...args, '--json'])).stdout),
    async [Symbol.asyncDispose]() {
      await shell[Symbol.asyncDispose]()
      await servers[Symbol.asyncDispose]()
    },
  }
}

test('prompts are listed with what they take, and filled in', async () => {
  await using offers = await startOffers()
  expect((await offers.run('prompts')).stdout).toBe('greeting-template  (name) A greeting\n')
  expect((await offers.run('prompts', 'get', 'greeting-template', '{"name":"Ada"}')).stdout).toBe('user: Greet Ada.\n')
  expect(await offers.document('prompts')).toMatchObject({ prompts: [{ name: 'greeting-template' }] })
  expect(await offers.document('prompts', 'get', 'greeting-template', '{"name":5}')).toMatchObject({
    messages: [{ role: 'user', content: { type: 'text', text: 'Greet 5.' } }],
  })
})

test('resources are listed with their addresses, and read', async () => {
  await using offers = await startOffers()
  expect((await offers.run('resources')).stdout).toBe('greeting://resource  A text\n')
  expect((await offers.run('resources', 'read', 'greeting://resource')).stdout).toBe('Hello from the resource\n')
  expect(await offers.document('resources')).toMatchObject({ resources: [{ uri: 'greeting://resource' }] })
  expect(await offers.document('resources', 'read', 'greeting://resource')).toMatchObject({
    contents: [{ text: 'Hello from the resource' }],
  })
})

test('what the server does not have ends with exit code 8 and the command that lists what it has', async () => {
  await using offers = await startOffers()
  await offers.run('login')
  const prompt = await offers.run('prompts', 'get', 'nothing')
  expect([prompt.code, prompt.stderr]).toEqual([
    8,
    expect.stringMatching(/See which prompts there are.*\n.*gatehouse prompts --url/),
  ])
  const resource = await offers.run('resources', 'read', 'nothing://here')
  expect([resource.code, resource.stderr]).toEqual([8, expect.stringMatching(/gatehouse resources --url/)])
  expect(await offers.document('prompts', 'get', 'nothing')).toMatchObject({ error: { code: 'request_failed' } })
})

test('a server without prompts and resources is told so, with exit code 0, and nothing else is printed', async () => {
  const printed = vi.spyOn(console, 'debug')
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  for (const command of ['prompts', 'resources']) {
    expect(await shell.run([command])).toEqual({
      code: 0,
      stdout: '',
      stderr: `The server offers you no ${command}.\n`,
    })
  }
  expect(printed).not.toHaveBeenCalled()
})

test('half a command line, or arguments that are no texts, are told before anything is sent', async () => {
  await using offers = await startOffers()
  for (const args of [
    ['prompts', 'get'],
    ['prompts', 'put', 'x'],
    ['prompts', 'get', 'x', '{}', 'y'],
    ['prompts', 'get', 'x', '[]'],
    ['prompts', 'get', 'x', '{"name":{}}'],
    ['resources', 'read'],
    ['resources', 'get', 'x'],
  ]) {
    expect([args, (await offers.run(...args)).code]).toEqual([args, 2])
  }
  expect(offers.servers.seen).toEqual([])
})

verifies('K7', 'prompts and resources that need more ask the person for the union of scopes, too', async () => {
  await using offers = await startOffers()
  offers.servers.behaviour.guarded = ['prompts/get', 'resources/read']
  offers.servers.behaviour.neededScope = (name) => (name === undefined ? 'files' : 'prompts')
  expect((await offers.run('prompts', 'get', 'greeting-template', '{"name":"Ada"}')).stdout).toBe('user: Greet Ada.\n')
  expect((await offers.run('resources', 'read', 'greeting://resource')).stdout).toBe('Hello from the resource\n')
  const asked = offers.servers.seenAt('/device_authorization').map(({ form }) => form.get('scope'))
  expect(asked).toEqual(['read call', 'read call prompts', 'read call prompts files'])
})

test('a machine uses every command with the secret of the environment, and nobody is asked', async () => {
  await using servers = await startFakeServers({ service: createMcpService({ sessions: false }) })
  const env = { GATEHOUSE_CLIENT_ID: 'machine', GATEHOUSE_CLIENT_SECRET: 'hush' }
  for (const args of [
    ['login'],
    ['whoami'],
    ['token'],
    ['tools'],
    ['call', 'greet', '{"name":"Ada"}'],
    ['prompts'],
    ['prompts', 'get', 'greeting-template', '{"name":"Ada"}'],
    ['resources'],
    ['resources', 'read', 'greeting://resource'],
    ['repl'],
    ['logout'],
  ]) {
    await using shell = await createCommandLine(servers.mcpUrl)
    const { code } = await shell.run(args, { env: { ...env, GATEHOUSE_HOME: shell.home } })
    expect([args, code]).toEqual([args, 0])
  }
  expect(servers.seenAt('/device_authorization')).toEqual([])
  expect(servers.seenAt('/register')).toEqual([])
})
