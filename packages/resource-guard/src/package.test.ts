// The package as somebody else gets it: packed, installed into an empty folder, imported, its types compiled. The example
// is their server. Nothing comes from a registry: what it depends on is packed from our own node_modules.
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
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTokenIssuer } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

const own = join(import.meta.dirname, '..')
const root = join(own, '..', '..')
const example = join(root, 'examples', 'guard', 'server.ts')
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
  // Fastify, which they have already, brings packages of its own.
  await run('npm', ['install', '--offline', '--legacy-peer-deps', '--no-audit', '--no-fund'], folder)
  symlinkSync(installed('fastify'), join(folder, 'node_modules', 'fastify'))
  copyFileSync(example, join(folder, 'server.ts'))
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Where a package that this one depends on is. */
function installed(name: string): string {
  return realpathSync(join(own, 'node_modules', name))
}

test('the package has what it needs, and nothing that is ours', () => {
  const inside = join(folder, 'node_modules', '@gatehouse', 'resource-guard')
  const { dependencies, exports } = JSON.parse(readFileSync(join(inside, 'package.json'), 'utf8'))
  for (const range of Object.values(dependencies)) expect(range).toMatch(/^\^\d/)
  for (const path of Object.values<string>(exports['.'])) expect(() => readFileSync(join(inside, path))).not.toThrow()
  const files = readdirSync(inside, { recursive: true, encoding: 'utf8' })
  expect(files).toContain('README.md')
  expect(files.filter((file) => /test|tsbuildinfo|tsconfig/.test(file))).toEqual([])
  const sources = files.filter((file) => file.endsWith('.js') || file.endsWith('.ts'))
  for (const file of sources) expect(readFileSync(join(inside, file), 'utf8'), file).not.toMatch(/from '@gatehouse/)
})

test('its types are whole, and fit those of Fastify', async () => {
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
  symlinkSync(
    realpathSync(join(root, 'node_modules', '@types', 'node')),
    join(folder, 'node_modules', '@types', 'node'),
  )
  writeFileSync(
    join(folder, 'wrong.ts'),
    `import { createTokenVerifier, type Caller } from '@gatehouse/resource-guard'
     // @ts-expect-error a verifier without keys
     export const verify: (token: string) => Promise<Caller> = createTokenVerifier({ issuer: 'a', resource: 'b' })`,
  )
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node', '--noEmit']
  const checked = await run(process.execPath, [tsc, ...options, 'server.ts', 'wrong.ts'], folder).catch(
    (error) => error,
  )
  expect(checked.stdout).toBe('')
}, 60_000)

test('the example guards a server', async () => {
  await using issuer = await createTokenIssuer()
  const port = await freePort()
  const resource = `http://localhost:${port}/things`
  const server = spawn(process.execPath, ['server.ts', issuer.issuer, String(port)], { cwd: folder, stdio: 'pipe' })
  try {
    let output = ''
    for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += chunk))
    await expect.poll(() => output, { timeout: 10_000 }).toContain('Server listening')
    const call = async (claims?: Record<string, unknown>, method = 'GET') => {
      const headers = claims
        ? { authorization: `Bearer ${await issuer.sign({ aud: resource, ...claims })}` }
        : undefined
      return await fetch(resource, { method, ...(headers && { headers }) })
    }
    const challenged = await call()
    expect([challenged.status, challenged.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer resource_metadata="http://localhost:${port}/.well-known/oauth-protected-resource/things", scope="things:read"`,
    ])
    const greeted = await call({ scope: 'things:read', sub: 'github:7' })
    expect(await greeted.json()).toEqual({ hello: 'github:7' })
    const refused = await call({ scope: 'things:read' }, 'POST')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringContaining('scope="things:read things:write"'),
    ])
    expect((await call({ scope: 'things:read things:write' }, 'POST')).status).toBe(200)
    expect((await fetch(`http://localhost:${port}/readyz`)).status).toBe(200)
    const metadata = await fetch(`http://localhost:${port}/.well-known/oauth-protected-resource`)
    expect(await metadata.json()).toMatchObject({ resource, authorization_servers: [issuer.issuer] })
  } finally {
    server.kill()
    await once(server, 'exit')
  }
}, 30_000)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
