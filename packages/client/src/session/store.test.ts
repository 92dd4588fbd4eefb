import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import type { Session } from './session.ts'
import { createStore } from './store.ts'

const key = { issuer: 'https://auth.example', resource: 'https://mcp.example/mcp' }
const session: Session = {
  ...key,
  clientId: 'client',
  flow: 'device',
  accessToken: 'secret-access-token',
  refreshToken: 'secret-refresh-token',
  scope: 'read',
  obtainedAt: 1,
  expiresAt: 601,
}

async function openStore() {
  const home = await mkdtemp(join(tmpdir(), 'gatehouse-store-'))
  const notices: string[] = []
  const { sessions } = createStore({ home, notify: (notice) => notices.push(notice) })
  const folder = join(home, 'sessions')
  const files = async () => (await readdir(folder)).map((name) => join(folder, name))
  return { sessions, notices, folder, files, [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) }
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

verifies(
  'K5',
  'a saved sign-in is in a file and a folder for its owner alone, under a name that tells nothing',
  async () => {
    await using store = await openStore()
    await store.sessions.write(key, session)
    const [file = '', ...others] = await store.files()
    expect([await modeOf(store.folder), await modeOf(file), others]).toEqual(['700', '600', []])
    expect(file).toMatch(/\/[0-9a-f]{32}\.json$/)
    expect(await store.sessions.read(key)).toEqual(session)
  },
)

verifies('K5', 'a file that others could read is made private again, and the person is told', async () => {
  await using store = await openStore()
  await store.sessions.write(key, session)
  const [file = ''] = await store.files()
  await chmod(file, 0o644)
  await chmod(store.folder, 0o755)
  expect(await store.sessions.read(key)).toEqual(session)
  await store.sessions.write(key, session)
  expect([await modeOf(file), await modeOf(store.folder)]).toEqual(['600', '700'])
  expect(store.notices).toEqual([expect.stringContaining('could be read by others')])
})

verifies('K5', 'a reader sees the old sign-in or the new one, never half of one', async () => {
  await using store = await openStore()
  const long = (mark: string) => ({ ...session, accessToken: mark.repeat(100_000) })
  await store.sessions.write(key, long('0'))
  const writing = (async () => {
    for (let round = 1; round < 30; round += 1) await store.sessions.write(key, long(String(round % 10)))
  })()
  for (let round = 0; round < 200; round += 1) {
    expect(new Set((await store.sessions.read(key))?.accessToken)).toHaveProperty('size', 1)
  }
  await writing
  expect([await store.files(), store.notices]).toEqual([[expect.any(String)], []])
})

test('a file that is cut off, foreign or of another shape counts as no sign-in, with a notice', async () => {
  await using store = await openStore()
  await store.sessions.write(key, session)
  const [file = ''] = await store.files()
  const whole = await readFile(file, 'utf8')
  for (const content of [whole.slice(0, 40), '', 'null', '[]', '{"accessToken":5}', '\u0000\u0001']) {
    await writeFile(file, content)
    expect(await store.sessions.read(key)).toBeUndefined()
  }
  expect(store.notices).toHaveLength(6)
  await store.sessions.write(key, session)
  expect(await store.sessions.read(key)).toEqual(session)
})

test('a sign-in belongs to one issuer, one resource and one given client', async () => {
  await using store = await openStore()
  await store.sessions.write(key, session)
  expect(await store.sessions.read({ ...key, issuer: 'https://auth.example/' })).toBeUndefined()
  expect(await store.sessions.read({ ...key, resource: 'https://mcp.example' })).toBeUndefined()
  expect(await store.sessions.read({ ...key, clientId: 'client' })).toBeUndefined()
  await store.sessions.remove(key)
  expect(await store.sessions.read(key)).toBeUndefined()
})

test('work under one key takes turns, and goes on after a failure', async () => {
  await using store = await openStore()
  const log: string[] = []
  const task = (name: string) =>
    store.sessions.exclusive(key, async () => {
      log.push(`${name} in`)
      await new Promise((resolve) => setTimeout(resolve, 20))
      log.push(`${name} out`)
      if (name === 'a') throw new Error('failed')
    })
  await Promise.allSettled([task('a'), task('b')])
  expect(log).toHaveLength(4)
  expect([log[0], log[2]]).toEqual([log[1]?.replace('out', 'in'), log[3]?.replace('out', 'in')])
})
