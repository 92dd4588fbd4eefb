import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { type FakeServers, startFakeServers } from '../harness/fake-servers.ts'
import { subjectForDisplay } from './session.ts'

const refreshes = (servers: FakeServers) =>
  servers.seenAt('/token').filter(({ form }) => form.get('grant_type') === 'refresh_token').length

test('a token is renewed half a minute before its end, and not before', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  const first = (await shell.run(['token'])).stdout
  shell.clock.elapse(568)
  expect((await shell.run(['token'])).stdout).toBe(first)
  shell.clock.elapse(3)
  expect((await shell.run(['token'])).stdout).not.toBe(first)
  expect(refreshes(servers)).toBe(1)
})

test('a token that the server refuses is renewed once, and the call goes on', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  servers.revokeAccessTokens()
  expect((await shell.run(['call', 'greet'])).stdout).toBe('Hello, world!\n')
  expect(refreshes(servers)).toBe(1)
})

test('a valid sign-in is used at once: no discovery, nothing asked of the authorization server', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  servers.seen.length = 0
  await shell.run(['call', 'greet'])
  expect(new Set(servers.seen.map(({ path }) => path))).toEqual(new Set(['/mcp']))
})

test('a revoked refresh token ends the sign-in with the reason, and the next call starts a new one', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  shell.clock.elapse(3600)
  servers.behaviour.refreshAnswer = {
    status: 400,
    body: { error: 'invalid_grant', error_description: 'the refresh token was revoked' },
  }
  const { code, stdout, stderr } = await shell.run(['call', 'greet'])
  expect([code, stdout]).toEqual([3, ''])
  expect(stderr).toContain('✗ The server does not accept this sign-in any more.')
  expect(stderr).toContain('invalid_grant: the refresh token was revoked.')
  expect(stderr).toMatch(/Sign in again: {2}gatehouse login --url http:/)
  expect((await shell.run(['token'])).code).toBe(3)
  servers.behaviour.refreshAnswer = undefined
  expect((await shell.run(['call', 'greet'])).code).toBe(0)
})

test('a failing network does not end the sign-in', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  const down = async () => {
    throw new TypeError('fetch failed')
  }
  shell.clock.elapse(580)
  expect((await shell.run(['token'], { fetch: down })).code).toBe(0) // about to end, but still good
  shell.clock.elapse(3600)
  expect((await shell.run(['token'], { fetch: down })).code).toBe(6)
  servers.behaviour.refreshAnswer = { status: 503, body: {} }
  expect((await shell.run(['token'])).code).toBe(6)
  servers.behaviour.refreshAnswer = undefined
  expect((await shell.run(['token'])).code).toBe(0)
})

verifies('K5', 'a renewal that is under way does not undo a sign-in of meanwhile', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  shell.clock.elapse(3600)
  servers.behaviour.refreshDelay = 500
  const renewing = shell.run(['token'])
  await expect.poll(() => refreshes(servers)).toBe(1)
  servers.behaviour.subject = 'dev:grace'
  const signedIn = await shell.run(['login', '--json'])
  const renewed = await renewing
  expect([signedIn.code, renewed.code]).toEqual([0, 0])
  const kept = await shell.run(['token'])
  expect([kept.code, subjectForDisplay(kept.stdout)]).toEqual([0, 'dev:grace'])
  expect(kept.stdout).not.toBe(renewed.stdout)
})

verifies('K2', 'a sign-in is not used with another issuer, when the server has moved to one', async () => {
  await using servers = await startFakeServers()
  await using other = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  servers.behaviour.resourceMetadata = { authorization_servers: [other.issuer] }
  shell.clock.elapse(25 * 3600)
  const { code, stderr } = await shell.run(['token'])
  expect([code, stderr]).toEqual([3, expect.stringContaining('The server now uses another sign-in service.')])
  expect(other.seenAt('/token')).toEqual([])
})

test('a registration the server forgot ends the sign-in, and the next one registers again', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  servers.clients.clear()
  shell.clock.elapse(3600)
  expect((await shell.run(['token'])).code).toBe(3)
  expect((await shell.run(['login'])).code).toBe(0)
  expect(servers.seenAt('/register')).toHaveLength(2)
})

test('a machine signs in with its secret, renews with it, and keeps it nowhere', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const env = { GATEHOUSE_CLIENT_ID: 'machine', GATEHOUSE_CLIENT_SECRET: 'a very secret secret' }
  expect((await shell.run(['call', 'greet'], { env })).stdout).toBe('Hello, world!\n')
  shell.clock.elapse(3600)
  expect((await shell.run(['token'], { env })).code).toBe(0)
  const grants = servers.seenAt('/token').map(({ form }) => form.get('grant_type'))
  expect([grants, servers.seenAt('/register')]).toEqual([['client_credentials', 'client_credentials'], []])
  shell.clock.elapse(3600)
  const without = await shell.run(['call', 'greet', '--client-id', 'machine'])
  expect([without.code, without.stderr]).toEqual([3, expect.stringContaining('its secret is not here')])
  for (const folder of await readdir(shell.home)) {
    for (const file of await readdir(join(shell.home, folder))) {
      expect(await readFile(join(shell.home, folder, file), 'utf8')).not.toContain(env.GATEHOUSE_CLIENT_SECRET)
    }
  }
})
