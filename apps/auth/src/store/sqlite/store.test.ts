import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { AlreadyConsumedError, ConfigError } from '../../errors.ts'
import { createSealing } from '../sealing.ts'
import { createClock, createPath, filesOf, removeDirectories } from './harness/places.ts'
import { migrations } from './schema.ts'
import { openSqliteStore } from './store.ts'

const sealing = createSealing({ secret: 'a secret of the SQLite tests alone' })

describe('SQLite file', () => {
  afterEach(removeDirectories)

  test('what was stored is there after a restart', async () => {
    const path = createPath()
    const first = openSqliteStore({ path, clock: Date.now, sealing })
    await first.records.put('AuthorizationCode', 'a', { n: 1 }, 600_000, { uid: 'u' })
    await first.records.consume('AuthorizationCode', 'a')
    await first.documents.put('keys', { n: 1 })
    await first.close()

    await using second = openSqliteStore({ path, clock: Date.now, sealing })
    const found = { payload: { n: 1 }, consumedAt: expect.any(Number) }
    expect(await second.records.findByUid('AuthorizationCode', 'u')).toEqual(found)
    await expect(second.records.consume('AuthorizationCode', 'a')).rejects.toThrow(AlreadyConsumedError)
    expect(await second.documents.get('keys')).toEqual({ n: 1 })
  })

  test('a poll writes nothing, and the pace of a device is there after a restart', async () => {
    const path = createPath()
    const { clock, elapse } = createClock()
    const first = openSqliteStore({ path, clock, sealing })
    await first.deviceCodes.create('d', {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
    const sizes = () => filesOf(dirname(path)).map((file) => statSync(file).size)
    const before = sizes()
    for (const outcome of ['undecided', 'early', 'early'])
      expect(await first.deviceCodes.poll('d', 5_000, 0)).toBe(outcome)
    expect(sizes()).toEqual(before)
    await first.close()

    await using second = openSqliteStore({ path, clock, sealing })
    elapse(14_000)
    expect(await second.deviceCodes.poll('d', 5_000, 0)).toBe('early')
    elapse(20_000)
    expect(await second.deviceCodes.poll('d', 5_000, 0)).toBe('undecided')
  })

  test('only its owner can read the files and list the directory', async () => {
    const path = createPath()
    await using store = openSqliteStore({ path, clock: Date.now, sealing })
    await store.documents.put('keys', {})
    expect(modeOf(dirname(path))).toBe(0o700)
    const files = filesOf(dirname(path))
    expect(files.length).toBeGreaterThan(1)
    for (const file of files) expect([file, modeOf(file)]).toEqual([file, 0o600])
  })

  test('a second process is refused and told to set REDIS_URL', async () => {
    const path = createPath()
    await using owner = spawnOwner(path)
    await owner.isOpen()
    const open = () => openSqliteStore({ path, clock: Date.now, sealing })
    expect(open).toThrow(expect.objectContaining({ code: 'config', message: expect.stringContaining('REDIS_URL') }))
  }, 20_000)

  test('a second process is refused after the first one closed and opened again', async () => {
    const path = createPath()
    const store = openSqliteStore({ path, clock: Date.now, sealing })
    await store.close()
    await using again = openSqliteStore({ path, clock: Date.now, sealing })
    await again.ping()
    await using second = spawnOwner(path)
    await expect(second.isOpen()).rejects.toThrow(/REDIS_URL/)
  }, 20_000)

  test('a second store of the same process is refused, too, and leaves the lock', async () => {
    const path = createPath()
    await using store = openSqliteStore({ path, clock: Date.now, sealing })
    expect(() => openSqliteStore({ path, clock: Date.now, sealing })).toThrow(/REDIS_URL/)
    await using other = spawnOwner(path)
    await expect(other.isOpen()).rejects.toThrow(/REDIS_URL/)
    await store.ping()
  }, 20_000)

  test('after a process was killed the next one starts, with everything that had been answered', async () => {
    const path = createPath()
    await using owner = spawnOwner(path)
    await owner.isOpen()
    await owner.kill()
    await using store = openSqliteStore({ path, clock: Date.now, sealing })
    expect(await store.records.find('Session', 'of the other process')).toEqual({ payload: { n: 1 } })
  }, 20_000)

  test('a file of the first schema is taken over with everything in it, and its grants are listed once they are used', async () => {
    const path = createPath()
    await openSqliteStore({ path, clock: Date.now, sealing }).close()
    const db = new DatabaseSync(path)
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as { name: string }[]
    db.exec('PRAGMA foreign_keys = OFF')
    for (const { name } of tables) db.exec(`DROP TABLE "${name}"`)
    db.exec(migrations[0] ?? '')
    const key = sealing.hashKey('Grant', 'g')
    const value = sealing.seal('Grant', key, { payload: { jti: 'g', accountId: 'dev:ada' } })
    db.prepare('INSERT INTO records (key, model, value) VALUES (?, ?, ?)').run(key, 'Grant', value)
    db.exec('PRAGMA user_version = 1')
    db.close()

    await using store = openSqliteStore({ path, clock: Date.now, sealing })
    expect(await store.records.find('Grant', 'g')).toEqual({ payload: { jti: 'g', accountId: 'dev:ada' } })
    expect(await store.records.grantsOf('dev:ada')).toEqual([])
    await store.records.put('RefreshToken', 'r', {}, 60_000, { grantId: 'g', accountId: 'dev:ada' })
    expect(await store.records.grantsOf('dev:ada')).toHaveLength(1)
  })

  test('a file of a newer release is left alone', async () => {
    const path = createPath()
    await openSqliteStore({ path, clock: Date.now, sealing }).close()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(() => openSqliteStore({ path, clock: Date.now, sealing })).toThrow(/schema 99/)
  })

  test('a file that is no database is a fault of the configuration', async () => {
    const path = createPath()
    await openSqliteStore({ path, clock: Date.now, sealing }).close()
    writeFileSync(path, 'no database, but a text that is long enough to be taken for one'.repeat(50))
    expect(() => openSqliteStore({ path, clock: Date.now, sealing })).toThrow(ConfigError)
  })

  test('a full disk makes writes unavailable, and reading goes on', async () => {
    const run = `
      await store.records.put('Session', 'large', { text: 'x'.repeat(2_000_000) }, 600_000).catch((error) => console.log(error.code))
      console.log((await store.records.find('Session', 'of the other process'))?.payload.n)
      console.log(await store.records.find('Session', 'large'))
      await store.records.put('Session', 'small', {}, 600_000)
      await store.close()
    `
    // The kernel refuses to let any file grow beyond so many blocks of 512 bytes, which is a full disk for one process.
    const limited = ['-c', `trap '' XFSZ; ulimit -f 2048; exec "$@"`, 'sh', process.execPath]
    const child = spawn('sh', [...limited, ...nodeArguments(createPath(), run)])
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => (output.stdout += String(chunk)))
    child.stderr.on('data', (chunk) => (output.stderr += String(chunk)))
    await once(child, 'close')
    expect(output).toEqual({ stdout: 'store_unavailable\n1\nundefined\n', stderr: '' })
  }, 20_000)

  test('a document that is read under the previous secret while it is written stays what was written', async () => {
    const path = createPath()
    const open = (secret: string, previous?: string) =>
      openSqliteStore({ path, clock: Date.now, sealing: createSealing({ secret, previous }) })
    const [first, second] = ['the first secret of this test', 'the second secret of this test']
    const before = open(first)
    await before.documents.put('keys', { n: 1 })
    await before.close()
    const both = open(second, first)
    await Promise.all([both.documents.put('keys', { n: 2 }), both.documents.get('keys')])
    expect(await both.documents.get('keys')).toEqual({ n: 2 })
    await both.close()
  })

  test('expired rows leave the file', async () => {
    const { clock, elapse } = createClock()
    const path = createPath()
    const store = openSqliteStore({ path, clock, sealing })
    for (let n = 0; n < 450; n += 1) await store.records.put('Session', `${n}`, {}, 60_000)
    await store.deviceCodes.create('d', {}, 60_000, { userCode: 'BBBBBBBB', phase: 'pending' })
    await store.attempts.take('a', 1, 60_000)
    elapse(1_000_000)
    for (let n = 0; n < 5; n += 1) await store.records.put('Client', 'a', {}, undefined)
    // many at once take more with them
    await Promise.all(Array.from({ length: 100 }, () => store.records.put('Client', 'a', {}, undefined)))
    await store.close()

    const db = new DatabaseSync(path)
    const count = (table: string) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
    expect([count('records'), count('device_codes'), count('attempts')]).toEqual([1, 0, 0])
    db.close()
  })
})

const modeOf = (path: string) => statSync(path).mode & 0o777

/** What makes Node open the store, write a record and go on with `run`. */
function nodeArguments(path: string, run: string): string[] {
  const source = `
    import { createSealing } from ${JSON.stringify(new URL('../sealing.ts', import.meta.url).href)}
    import { openSqliteStore } from ${JSON.stringify(new URL('store.ts', import.meta.url).href)}
    const sealing = createSealing({ secret: 'a secret of the SQLite tests alone' })
    const store = openSqliteStore({ path: ${JSON.stringify(path)}, clock: Date.now, sealing })
    await store.records.put('Session', 'of the other process', { n: 1 }, 600_000)
    ${run}
  `
  return ['--conditions=gatehouse-source', '--input-type=module', '--eval', source]
}

/** A process that has the store open until it is killed. */
function spawnOwner(path: string) {
  const child = spawn(process.execPath, nodeArguments(path, `console.log('open'); setInterval(() => {}, 1000)`))
  const kill = () => end(child)
  return { isOpen: () => untilOpen(child), kill, [Symbol.asyncDispose]: kill }
}

function untilOpen(child: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    let errors = ''
    child.stderr?.on('data', (chunk) => (errors += String(chunk)))
    child.stdout?.once('data', () => resolve())
    child.once('exit', () => reject(new Error(errors)))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
