// Where the test runs leave their reports, in vitest's words: those of the unit tests in each package, all others at the root.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The files that there are, of the root or of all packages. */
export function reportFiles(of) {
  const folders =
    of === 'root'
      ? [root]
      : ['apps', 'packages'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => join(root, kind, name)))
  return folders
    .map((folder) => join(folder, 'test-output'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.json'))
}

/** Undefined for what is no report: measurements lie there, too. */
export function readReport(file) {
  const { numPassedTests: passed, numFailedTests: failed, success } = JSON.parse(readFileSync(file, 'utf8'))
  // a test file that cannot be loaded has no tests to count
  return passed === undefined ? undefined : { passed, failed: success ? 0 : Math.max(failed, 1) }
}
