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

const [normal, full] = [1, 2]
const synchronousOf = (database: SqliteDatabase) => database.prepare('PRAGMA synchronous').get()?.synchronous
const namesIn = (database: SqliteDatabase) => database.prepare('SELECT name FROM things').all()

test('what is written waits for the disk, and what is noted does not', () => {
  withDatabase((database) => {
    expect(synchronousOf(database)).toBe(full)
    expect(database.note(() => synchronousOf(database))).toBe(normal)
    expect(
      database.write(() => synchronousOf(database)),
      'after a note, too',
    ).toBe(full)
  })
})

test('an error undoes what was noted, and the next write waits for the disk again', () => {
  withDatabase((database) => {
    const add = database.prepare("INSERT INTO things VALUES ('a')")
    const fail = () =>
      database.note(() => {
        add.run()
        throw new RangeError('no')
      })
    expect(fail).toThrow(RangeError)
    expect(namesIn(database)).toEqual([])
    expect(database.write(() => synchronousOf(database))).toBe(full)
    database.note(() => add.run())
    expect(namesIn(database)).toEqual([{ name: 'a' }])
  })
})
