import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import { repository } from './repository.ts'

/** Writes what services logged to test-output/logs, for anyone who has to find out why a test failed. */
export function keepLogs(logs: string, port: number): void {
  const folder = join(repository, 'test-output', 'logs')
  mkdirSync(folder, { recursive: true })
  // outside vitest there is no state to ask for
  const test = process.env.VITEST ? expect.getState().testPath : undefined
  writeFileSync(join(folder, `${basename(test ?? 'stack', '.test.ts')}.${port}.log`), logs)
}
