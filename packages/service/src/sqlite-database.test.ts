import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSqliteDatabase, type SqliteDatabase } from './sqlite-database.ts'

const migrations = ['CREATE TABLE things (name TEXT)']

function withDatabase(run: (database: SqliteDatabase) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-'))
  const database = openSqliteDatabase({ path: join(folder, 'test.sqlite'), migrations, synchronous: 'FULL' })
  try {
    run(database)
  } finally {
    database.close()
    rmSync(folder, { recursive: true })
  }
}

const synchronousOf = (database: SqliteDatabase) => database.prepare('PRAGMA synchronous').get()?.synchronous
const namesIn = (database: SqliteDatabase) => database.prepare('SELECT name FROM things').all()

test('what is written waits for the disk', () => {
  withDatabase((database) => {
    const full = 2
    expect(database.write(() => synchronousOf(database))).toBe(full)
  })
})

test('an error undoes what was written', () => {
  withDatabase((database) => {
    const add = database.prepare("INSERT INTO things VALUES ('a')")
    const fail = () =>
      database.write(() => {
        add.run()
        throw new RangeError('no')
      })
    expect(fail).toThrow(RangeError)
    expect(namesIn(database)).toEqual([])
    database.write(() => add.run())
    expect(namesIn(database)).toEqual([{ name: 'a' }])
  })
})
