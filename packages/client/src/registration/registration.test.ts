// Who the client is to a service that asks: what was given, a metadata document, or a registration; and how it proves it.
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { createCommandLine } from '../harness/command-line.ts'
import { type FakeServers, startFakeServers } from '../harness/fake-servers.ts'
import { readClientKey } from './client-key.ts'

const lastToken = (servers: FakeServers) => servers.seenAt('/token').at(-1)
const asked = (servers: FakeServers) => JSON.parse(servers.seenAt('/register').at(-1)?.body ?? '{}')

test('a registration asks for the method that the service offers, public first, and keeps to what it was given', async () => {
  for (const [offered, wanted] of [
    [['client_secret_post', 'none'], 'none'],
    [['client_secret_basic', 'client_secret_post'], 'client_secret_basic'],
    [['client_secret_post'], 'client_secret_post'],
    [undefined, 'none'],
  ] as const) {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    servers.behaviour.serverMetadata = { token_endpoint_auth_methods_supported: offered }
    servers.behaviour.registration = { client_secret: wanted === 'none' ? undefined : 'a-secret_of-its.own' }
    expect((await shell.run(['login'])).code).toBe(0)
    expect(asked(servers).token_endpoint_auth_method).toBe(wanted)
    const sent = lastToken(servers)
    const way = sent?.headers.authorization?.split(' ')[0] ?? (sent?.form.has('client_secret') ? 'body' : 'nothing')
    expect(way).toBe({ none: 'nothing', client_secret_basic: 'Basic', client_secret_post: 'body' }[wanted])
  }
})

test('the registered method wins over what the metadata lists first', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.serverMetadata = {
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  }
  servers.behaviour.registration = { client_secret: 's', token_endpoint_auth_method: 'client_secret_post' }
  expect((await shell.run(['login'])).code).toBe(0)
  expect([lastToken(servers)?.form.get('client_secret'), lastToken(servers)?.headers.authorization]).toEqual([
    's',
    undefined,
  ])
})

test('an id and a secret go out in the header with nothing encoded that need not be', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.clients.add('nightly-report_1.0')
  const env = { GATEHOUSE_CLIENT_ID: 'nightly-report_1.0', GATEHOUSE_CLIENT_SECRET: 'a-b_c.d e:f+g%' }
  await shell.run(['token'], { env })
  const [, encoded = ''] = lastToken(servers)?.headers.authorization?.split(' ') ?? []
  expect(Buffer.from(encoded, 'base64').toString()).toBe('nightly-report_1.0:a-b_c.d+e%3Af%2Bg%25')
})

test('a metadata document is the id where the service takes such ids, and is given up for none that a person gave', async () => {
  const env = { GATEHOUSE_CLIENT_METADATA_URL: 'https://client.example/client.json' }
  const idsAt = async (offers: boolean, args: string[] = []) => {
    await using servers = await startFakeServers()
    await using shell = await createCommandLine(servers.mcpUrl)
    servers.clients.add(env.GATEHOUSE_CLIENT_METADATA_URL)
    servers.behaviour.serverMetadata = { client_id_metadata_document_supported: offers }
    expect((await shell.run(['login', ...args], { env })).code).toBe(0)
    shell.clock.elapse(3600)
    expect((await shell.run(['token', ...args], { env })).code).toBe(0)
    const ids = new Set(servers.seenAt('/token').map(({ form }) => form.get('client_id')))
    return [[...ids], servers.seenAt('/register').length]
  }
  expect(await idsAt(true)).toEqual([[env.GATEHOUSE_CLIENT_METADATA_URL], 0])
  expect(await idsAt(false)).toEqual([[expect.stringMatching(/^client-/)], 1])
  expect(await idsAt(true, ['--client-id', 'known-client'])).toEqual([['known-client'], 0])
})

test('what is no address of a metadata document is a usage error', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  for (const address of ['http://client.example/x', 'https://client.example', 'client', 'https://a@b.example/x']) {
    const env = { GATEHOUSE_CLIENT_METADATA_URL: address }
    expect((await shell.run(['login'], { env })).code, address).toBe(2)
  }
})

test('a machine with a private key signs an assertion for the service, and sends no secret', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const file = join(shell.home, 'key.pem')
  await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const env = { GATEHOUSE_CLIENT_ID: 'machine', GATEHOUSE_CLIENT_KEY_FILE: file }
  expect((await shell.run(['call', 'greet'], { env, clock: systemClock })).code).toBe(0)
  const form = lastToken(servers)?.form
  const [header = '', payload = '', signature = ''] = (form?.get('client_assertion') ?? '').split('.')
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  expect([read(header), form?.get('client_secret')]).toEqual([{ alg: 'ES256' }, null])
  expect(read(payload)).toMatchObject({ iss: 'machine', sub: 'machine', aud: servers.issuer })
  const key = { key: createPublicKey(privateKey), dsaEncoding: 'ieee-p1363' } as const
  expect(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true)
})

test('a key that is not one, or of no kind that is known, is a usage error that shows nothing of it', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  const pem = (key: { export: (options: { type: 'pkcs8'; format: 'pem' }) => string | Buffer }) =>
    String(key.export({ type: 'pkcs8', format: 'pem' }))
  const file = join(shell.home, 'key.pem')
  for (const text of ['-----BEGIN nothing', pem(generateKeyPairSync('x25519').privateKey)]) {
    await writeFile(file, text)
    const env = { GATEHOUSE_CLIENT_ID: 'machine', GATEHOUSE_CLIENT_KEY_FILE: file }
    const { code, stderr } = await shell.run(['token'], { env })
    expect([code, stderr]).toEqual([2, expect.stringContaining('Correct GATEHOUSE_CLIENT_KEY_FILE.')])
    expect(stderr).not.toContain(text.split('\n')[1] ?? 'BEGIN')
  }
  for (const type of ['rsa', 'ed25519'] as const) {
    const { privateKey } =
      type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
    expect(readClientKey(pem(privateKey)).usages).toEqual(['sign'])
  }
})

test('a person asks for offline_access where the service has it, a machine never', async () => {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  servers.behaviour.serverMetadata = { scopes_supported: ['read', 'call', 'offline_access'] }
  await shell.run(['login'])
  expect(servers.seenAt('/device_authorization').at(-1)?.form.get('scope')).toBe('read call offline_access')
  let address = new URL('https://none.example')
  await shell.run(['login', '--browser'], {
    clock: systemClock,
    openUrl(url) {
      address = new URL(url)
      void fetch(servers.approve(url))
    },
  })
  expect(Object.fromEntries(address.searchParams)).toMatchObject({
    scope: 'read call offline_access',
    prompt: 'consent',
  })
  const env = { GATEHOUSE_CLIENT_ID: 'machine', GATEHOUSE_CLIENT_SECRET: 'secret' }
  await shell.run(['token'], { env })
  expect(lastToken(servers)?.form.get('scope')).toBe('read call')
})
