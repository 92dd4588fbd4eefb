// `npm start`: what it says, and that nothing of it stays behind however it ends.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePorts, repository, startProcess } from '@gatehouse/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'

let ports: { readonly auth: number; readonly mcp: number }
let env: Record<string, string>

beforeEach(async () => {
  const [auth = 0, mcp = 0] = await freePorts(2)
  ports = { auth, mcp }
  env = {
    AUTH_ISSUER: `http://localhost:${auth}`,
    MCP_RESOURCE_URL: `http://localhost:${mcp}/mcp`,
    DATA_DIR: mkdtempSync(join(tmpdir(), 'gatehouse-start-')),
  }
})
afterEach(() => rmSync(env.DATA_DIR ?? '', { recursive: true, force: true }))

test('it says where the services are, which login is on and what to try, and ends cleanly when asked', async () => {
  await using start = startProcess(['scripts/up.mjs'], { env })
  await start.says(/Ctrl-C/, 60_000)
  for (const part of [env.AUTH_ISSUER, env.MCP_RESOURCE_URL, env.DATA_DIR, 'developer login', 'must never be public']) {
    expect(start.stdout()).toContain(part)
  }
  expect(start.stdout()).toMatch(/npm run -s client -- .*call greet/)
  expect((await fetch(`${env.AUTH_ISSUER}/readyz`)).status).toBe(200)

  start.signal('SIGINT')
  start.signal('SIGINT')
  expect((await start.exited).code).toBe(0)
  expect(await listeners()).toEqual([])
})

test('the file of the gateway says what is served, and both services read it', async () => {
  const { AUTH_ISSUER = '', DATA_DIR = '' } = env
  const resource = `http://localhost:${ports.mcp}/tools`
  const file = join(DATA_DIR, 'gatehouse.yaml')
  const endpoint = `{ resource: "${resource}", name: Company tools, upstreams: [builtin] }`
  writeFileSync(file, `version: 1\nendpoints: [${endpoint}]\n`)
  const settings = { AUTH_ISSUER, DATA_DIR, INIT_CWD: DATA_DIR, GATEHOUSE_CONFIG: 'gatehouse.yaml' }
  await using start = startProcess(['scripts/up.mjs'], { env: settings })
  await start.says(/Ctrl-C/, 60_000)
  expect(start.stdout()).toContain(resource)
  const [issuer, server] = await Promise.all(
    [
      `${AUTH_ISSUER}/.well-known/oauth-authorization-server`,
      `http://localhost:${ports.mcp}/.well-known/oauth-protected-resource/tools`,
    ].map(async (url) => (await fetch(url)).json()),
  )
  expect(issuer).toMatchObject({ protected_resources: [resource] })
  expect(server).toMatchObject({ resource, resource_name: 'Company tools', authorization_servers: [AUTH_ISSUER] })
})

test('what is wrong with the file is told by a service, and ends both', async () => {
  const file = join(env.DATA_DIR ?? '', 'gatehouse.yaml')
  writeFileSync(file, 'version: 1\nupstreams: { a: { url: "http://localhost:1", credential: { kind: connection } } }\n')
  await using start = startProcess(['scripts/up.mjs'], { env: { ...env, GATEHOUSE_CONFIG: file } })
  expect((await start.exited).code).toBe(1)
  expect(start.stderr()).toContain('upstreams.a.credential.kind: kind: connection is not yet enforced: take it out.')
  expect(await listeners()).toEqual([])
})

test('a service that cannot start ends the other, and its reason is shown', async () => {
  await using start = startProcess(['scripts/up.mjs'], { env: { ...env, MCP_ALLOWED_ORIGINS: 'nonsense' } })
  expect((await start.exited).code).toBe(1)
  expect(start.stderr()).toContain('MCP_ALLOWED_ORIGINS')
  expect(start.stderr()).toContain('mcp has ended')
  expect(await listeners()).toEqual([])
})

test('a port in use is named, with the variable that chooses another', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(ports.mcp, 'localhost', resolve))
  try {
    await using start = startProcess(['scripts/up.mjs'], { env })
    expect((await start.exited).code).toBe(1)
    expect(start.stderr()).toContain(`Port ${ports.mcp}`)
    expect(start.stderr()).toContain('MCP_RESOURCE_URL=')
  } finally {
    other.close()
  }
})

test('a PORT for both is refused with a way out', async () => {
  await using start = startProcess(['scripts/up.mjs'], { env: { ...env, PORT: '8080' } })
  expect((await start.exited).code).toBe(1)
  expect(start.stderr()).toContain('AUTH_ISSUER=')
})

test('the services end with the one who started them, even if that was killed', async () => {
  const { PATH = '' } = process.env
  const script = `"${process.execPath}" scripts/up.mjs & wait`
  const shell = spawn('sh', ['-c', script], {
    cwd: repository,
    env: { PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await new Promise<void>((resolve, reject) => {
    let said = ''
    for (const stream of [shell.stdout, shell.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (said.includes('Ctrl-C')) resolve()
      })
    }
    shell.once('close', () => reject(new Error(`npm start ended before it was ready: ${said}`)))
  })
  expect(await listeners()).toEqual(['auth', 'mcp'])
  shell.kill('SIGKILL')
  const deadline = Date.now() + 20_000
  while ((await listeners()).length > 0 && Date.now() < deadline) await wait(100)
  expect(await listeners()).toEqual([])
})

/** Which of the two ports somebody listens on. */
async function listeners(): Promise<string[]> {
  const open = await Promise.all(
    Object.entries(ports).map(async ([name, port]) => {
      const answered = await new Promise<boolean>((resolve) => {
        const socket = connect(port, 'localhost', () => resolve(true)).on('error', () => resolve(false))
        socket.unref()
        setTimeout(() => socket.destroy(), 100)
      })
      return answered ? [name] : []
    }),
  )
  return open.flat()
}
