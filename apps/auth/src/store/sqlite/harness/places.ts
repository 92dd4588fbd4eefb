// Where tests keep SQLite files, and the clock that they move.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function createClock() {
  let now = Date.now()
  const elapse = (time: number) => {
    now += time
  }
  return { clock: () => now, elapse }
}

const directories: string[] = []

/** Of a file that is not there yet, in a directory of its own that is not there either. */
export function createPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-store-'))
  directories.push(directory)
  return join(directory, 'data', 'auth.sqlite')
}

/** All that this test file made. */
export function removeDirectories(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
}

export function filesOf(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
