import { DatabaseSync } from 'node:sqlite'
import { openSqliteDatabase } from '@gatehouse/service'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createGroupCommit } from './group-commit.ts'

const migrations = ['CREATE TABLE things (name TEXT PRIMARY KEY)']

let database: ReturnType<typeof openSqliteDatabase>
beforeEach(() => {
  database = openSqliteDatabase({ path: ':memory:', migrations, synchronous: 'FULL' })
})
afterEach(() => database.close())

function open() {
  const transactions = vi.fn()
  const put = database.prepare('INSERT INTO things (name) VALUES (?)')
  const commits = createGroupCommit(database, (run, writes) => {
    transactions(writes)
    run(1_000)
  })
  const names = () =>
    database
      .prepare('SELECT name FROM things ORDER BY rowid')
      .all()
      .map(({ name }) => name)
  return { ...commits, transactions, put, names }
}

test('what is asked for at once is one transaction, in its order, and each hears of its own', async () => {
  const { write, put, names, transactions } = open()
  const written = ['b', 'a', 'c'].map((name) => write((now) => `${name} ${now} ${put.run(name).changes}`))
  expect(names()).toEqual([])
  expect(await Promise.all(written)).toEqual(['b 1000 1', 'a 1000 1', 'c 1000 1'])
  expect(names()).toEqual(['b', 'a', 'c'])
  expect(transactions.mock.calls).toEqual([[3]])
})

test('one that fails undoes all that it did, and nothing of the others', async () => {
  const { write, put, names } = open()
  const ours = new Error('ours')
  const outcomes = await Promise.allSettled([
    write(() => put.run('before')),
    write(() => {
      put.run('half')
      throw ours
    }),
    write(() => {
      put.run('other half')
      put.run('before')
    }),
    write(() => put.run('after')),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toMatchObject({ reason: ours })
  expect(outcomes[2]).toMatchObject({ reason: { code: 'store_unavailable' } })
  expect(names()).toEqual(['before', 'after'])
})

test('where the transaction itself fails, each hears of it, and those that come next are written', async () => {
  const { write, put, names } = open()
  const end = database.prepare('COMMIT')
  const outcomes = await Promise.allSettled([
    write(() => put.run('a')),
    // as a full disk does
    write(() => database.prepare('ROLLBACK').run()),
    write(() => put.run('b')),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(names()).toEqual([])
  expect(() => end.run()).toThrow('no transaction is active')
  await write(() => put.run('c'))
  expect(names()).toEqual(['c'])
})

test('on a full disk each hears that it is full', async () => {
  const { write, put, names } = open()
  await write(() => put.run('before'))
  database.prepare('PRAGMA max_page_count = 4').get()
  const large = ['a', 'b', 'c'].map((name) => write(() => put.run(name.repeat(100_000))))
  for (const outcome of await Promise.allSettled(large)) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } })
    expect(String((outcome as PromiseRejectedResult).reason.cause)).toContain('full')
  }
  expect(names()).toEqual(['before'])
})

test('flush writes at once what waits', async () => {
  const { write, flush, put, names } = open()
  const written = write(() => put.run('a'))
  flush()
  expect(names()).toEqual(['a'])
  await written
})

test('SQLite ends a savepoint with its transaction', () => {
  // what attempt() relies on where it throws
  const db = new DatabaseSync(':memory:')
  db.exec('BEGIN; SAVEPOINT one; ROLLBACK')
  expect(() => db.exec('ROLLBACK TO one')).toThrow('no such savepoint')
  db.close()
})
