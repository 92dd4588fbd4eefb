import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { ownStream } from './contract.ts'
import { openSqliteStore } from './sqlite.ts'
import { describeStore } from './suites/store-suite.ts'

describeStore('SQLite', {
  open(limits) {
    let now = 1_800_000_000_000
    return {
      store: openSqliteStore({ path: ':memory:', clock: () => now, limits }),
      elapse: (milliseconds) => {
        now += milliseconds
      },
    }
  },
})

describe('SQLite file', () => {
  const directories: string[] = []
  const newPath = () => {
    const directory = mkdtempSync(join(tmpdir(), 'gatehouse-mcp-'))
    directories.push(directory)
    return join(directory, 'data', 'mcp.sqlite')
  }
  afterEach(() => {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
  })

  test('a session outlives the process; what that process was writing is abandoned', async () => {
    const path = newPath()
    const first = openSqliteStore({ path })
    await first.open('a', 'ada', Buffer.from('v'))
    await first.start('a', 's', Buffer.from('opening'))
    const position = (await first.append('a', 's', Buffer.from('one'))) ?? ''
    await first.start('a', 'done', Buffer.from('opening'))
    await first.append('a', 'done', Buffer.from('all'), { last: true })
    await first.append('a', ownStream, Buffer.from('own'))
    expect(await first.read('a', 's', position)).toMatchObject({ state: 'open' })
    await first.close()

    await using second = openSqliteStore({ path })
    expect(await second.use('a')).toBeDefined()
    expect(await second.read('a', 's', position, { isEvent: true })).toMatchObject({ state: 'abandoned' })
    expect(await second.read('a', 'done', '0-0')).toMatchObject({ state: 'ended' })
    expect(await second.read('a', ownStream, '0-0')).toMatchObject({ state: 'open' })
  })

  test('only its owner can read the files and list the directory', async () => {
    const path = newPath()
    await using store = openSqliteStore({ path })
    await store.open('a', 'ada', Buffer.from('v'))
    const directory = join(path, '..')
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    const files = readdirSync(directory)
    expect(files.length).toBeGreaterThan(1)
    for (const file of files) expect([file, statSync(join(directory, file)).mode & 0o777]).toEqual([file, 0o600])
  })

  test('a second process is refused and told to set REDIS_URL', async () => {
    const path = newPath()
    await using store = openSqliteStore({ path })
    await store.ping()
    const code = `import { openSqliteStore } from '${join(import.meta.dirname, 'sqlite.ts')}'
      try { openSqliteStore({ path: process.argv[1] }) } catch (error) { console.log(error.code, error.message) }`
    const args = ['--conditions=gatehouse-source', '--input-type=module-typescript', '--eval', code, path]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    await once(child, 'exit')
    expect(output).toMatch(/^config .*is in use by another process.*REDIS_URL/)
  }, 20_000)

  test('a file of a newer release is left alone', async () => {
    const path = newPath()
    await openSqliteStore({ path }).close()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(() => openSqliteStore({ path })).toThrow(expect.objectContaining({ code: 'config' }))
  })
})
