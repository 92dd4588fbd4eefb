import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'

const logins = (servers: Awaited<ReturnType<typeof startFakeServers>>) =>
  servers.seenAt('/device_authorization').map(({ form }) => form.get('scope'))

verifies(
  'K7',
  'a tool that needs more asks the person once, for what is held and what is needed together',
  async () => {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    servers.behaviour.neededScope = () => 'more'
    const { code, stdout, stderr } = await shell.run(['call', 'greet'])
    expect([code, stdout]).toEqual([0, 'Hello, world!\n'])
    expect(stderr).toContain('This needs more access than you gave: more.')
    expect(logins(servers)).toEqual(['read call', 'read call more'])
  },
)

verifies('K7', 'a server that asks for another scope each time is given up after three sign-ins', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  let count = 0
  servers.behaviour.neededScope = () => {
    count += 1
    return `more-${count}`
  }
  const { code, stderr } = await shell.run(['call', 'greet'])
  expect([code, stderr]).toEqual([4, expect.stringContaining('Your sign-in does not cover this: it needs more-4.')])
  expect(logins(servers)).toHaveLength(1 + 3)
})

verifies('K7', 'a server that asks for what it does not grant is given up after three sign-ins', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.neededScope = () => 'more'
  servers.behaviour.grantScope = () => 'read call'
  expect((await shell.run(['call', 'greet'])).code).toBe(4)
  expect(logins(servers)).toHaveLength(1 + 3)
})
