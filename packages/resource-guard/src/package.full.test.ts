// The package as somebody else gets it: packed, installed into an empty folder, imported, its types compiled. The examples
// are their servers. Nothing comes from a registry: what it depends on is packed from our own node_modules.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { createTokenIssuer, freePort } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

const own = join(import.meta.dirname, '..')
const root = join(own, '..', '..')
const examples = join(root, 'examples', 'guard')
/** What the examples' authors have already; each brings packages of its own. */
const theirs = ['fastify', 'express', 'hono', '@hono/node-server', '@modelcontextprotocol/sdk', '@types/express']
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')

let folder: string
const run = (command: string, args: readonly string[], cwd: string) => promisify(execFile)(command, args, { cwd })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-guard-'))
  await run(process.execPath, [tsc, '-b', own], root)
  const dependencies: Record<string, string> = {}
  for (const path of [own, installed('jose'), installed('fastify-plugin')]) {
    const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], path)
    const [{ name, filename }] = JSON.parse(packed.stdout)
    dependencies[name] = `file:./${filename}`
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
  await run('npm', ['install', '--offline', '--legacy-peer-deps', '--no-audit', '--no-fund'], folder)
  for (const name of theirs) {
    const place = join(folder, 'node_modules', name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(installed(name), place)
  }
  for (const name of ['fastify', 'express', 'hono', 'sdk-v1'])
    copyFileSync(join(examples, `${name}.ts`), join(folder, `${name}.ts`))
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Where a package that this one depends on is. */
function installed(name: string): string {
  return realpathSync(join(own, 'node_modules', name))
}

test('the package has what it needs, and nothing that is ours', () => {
  const inside = join(folder, 'node_modules', '@gatehouse', 'guard')
  const { dependencies, exports } = JSON.parse(readFileSync(join(inside, 'package.json'), 'utf8'))
  for (const range of Object.values(dependencies)) expect(range).toMatch(/^\^\d/)
  expect(Object.keys(exports)).toEqual(['.', './express', './fastify', './fetch'])
  for (const paths of Object.values<Record<string, string>>(exports))
    for (const path of Object.values(paths)) expect(() => readFileSync(join(inside, path))).not.toThrow()
  const files = readdirSync(inside, { recursive: true, encoding: 'utf8' })
  expect(files).toContain('README.md')
  expect(files.filter((file) => /test|tsbuildinfo|tsconfig/.test(file))).toEqual([])
  const sources = files.filter((file) => file.endsWith('.js') || file.endsWith('.ts'))
  for (const file of sources) expect(readFileSync(join(inside, file), 'utf8'), file).not.toMatch(/from '@gatehouse/)
})

test('its types are whole, and fit those of Fastify, Express, Hono and the SDK', async () => {
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
  symlinkSync(
    realpathSync(join(root, 'node_modules', '@types', 'node')),
    join(folder, 'node_modules', '@types', 'node'),
  )
  writeFileSync(
    join(folder, 'wrong.ts'),
    `import { createTokenVerifier, type Caller } from '@gatehouse/guard'
     // @ts-expect-error a verifier without keys
     export const verify: (token: string) => Promise<Caller> = createTokenVerifier({ issuer: 'a', resource: 'b' })`,
  )
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node', '--noEmit']
  const files = ['fastify.ts', 'express.ts', 'hono.ts', 'sdk-v1.ts', 'wrong.ts']
  const checked = await run(process.execPath, [tsc, ...options, '--skipLibCheck', ...files], folder).catch(
    (error) => error,
  )
  expect(checked.stdout).toBe('')
}, 60_000)

/** Starts an example at a free port, with an issuer of its own, until the scope ends. */
async function start(name: string) {
  const issuer = await createTokenIssuer()
  const port = await freePort()
  const server = spawn(process.execPath, [`${name}.ts`, issuer.issuer, String(port)], { cwd: folder, stdio: 'pipe' })
  let output = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += chunk))
  await expect.poll(() => output, { timeout: 10_000 }).toContain('Server listening')
  const base = `http://localhost:${port}`
  return {
    issuer: issuer.issuer,
    base,
    async call(path: string, claims?: Record<string, unknown>, init: RequestInit = {}) {
      const token = claims && (await issuer.sign({ aud: base + path, ...claims }))
      const headers = { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) }
      return await fetch(base + path, { ...init, headers })
    },
    [Symbol.asyncDispose]: async () => {
      server.kill()
      await once(server, 'exit')
      await issuer[Symbol.asyncDispose]()
    },
  }
}

test.each(['fastify', 'express', 'hono'])(
  'the %s example guards a server',
  async (name) => {
    await using server = await start(name)
    const challenged = await server.call('/things')
    expect([challenged.status, challenged.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer resource_metadata="${server.base}/.well-known/oauth-protected-resource/things", scope="things:read"`,
    ])
    const greeted = await server.call('/things', { scope: 'things:read', sub: 'github:7' })
    expect(await greeted.json()).toEqual({ hello: 'github:7' })
    const refused = await server.call('/things', { scope: 'things:read' }, { method: 'POST' })
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringContaining('scope="things:read things:write"'),
    ])
    const both = { scope: 'things:read things:write' }
    expect((await server.call('/things', both, { method: 'POST' })).status).toBe(200)
    expect((await fetch(`${server.base}/readyz`)).status).toBe(200)
    const metadata = await fetch(`${server.base}/.well-known/oauth-protected-resource/things`)
    expect(await metadata.json()).toMatchObject({
      resource: `${server.base}/things`,
      authorization_servers: [server.issuer],
    })
  },
  30_000,
)

test.each(['express', 'hono'])(
  'the %s example keeps its two resources apart',
  async (name) => {
    await using server = await start(name)
    const orders = { scope: 'orders:read' }
    expect(await (await server.call('/orders', orders)).json()).toEqual({ orders: [] })
    expect((await server.call('/orders', { ...orders, aud: `${server.base}/things` })).status).toBe(401)
    expect((await server.call('/things', { scope: 'things:read', aud: `${server.base}/orders` })).status).toBe(401)
    const metadata = await fetch(`${server.base}/.well-known/oauth-protected-resource/orders`)
    expect(await metadata.json()).toMatchObject({ resource: `${server.base}/orders` })
  },
  30_000,
)

test("the example on the SDK's version 1 serves a tool, which knows who calls", async () => {
  await using server = await start('sdk-v1')
  const message = (method: string, params: object) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const whoami = message('tools/call', { name: 'whoami', arguments: {} })
  expect((await server.call('/mcp', undefined, whoami)).status).toBe(401)
  expect((await server.call('/mcp', { scope: 'other' }, whoami)).status).toBe(403)
  const called = await server.call('/mcp', { scope: 'mcp:tools:read', sub: 'github:7' }, whoami)
  expect([called.status, await called.text()]).toEqual([200, expect.stringContaining('"text":"github:7"')])
}, 30_000)
