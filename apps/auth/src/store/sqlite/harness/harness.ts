// The store suite's harness for SQLite: a clock that the test moves.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { StoreHarness } from '../../suites/scene.ts'
import { openSqliteStore } from '../store.ts'
import { createClock, createPath, filesOf, removeDirectories } from './places.ts'

export const sqliteInMemory: StoreHarness = {
  precision: 1,
  canDump: false,
  open(options) {
    const { clock, elapse } = createClock()
    return { store: openSqliteStore({ path: ':memory:', clock, ...options }), elapse }
  },
}

export const sqliteInFile: StoreHarness = {
  precision: 1,
  canDump: true,
  open(options) {
    const { clock, elapse } = createClock()
    const path = createPath()
    const dump = async () => Buffer.concat(filesOf(dirname(path)).map((file) => readFileSync(file)))
    return { store: openSqliteStore({ path, clock, ...options }), elapse, dump, discard: removeDirectories }
  },
}
