// Adds up what the last `npm test`, `npm run test:full` and `npm run test:docker` left in test-output: one line "N passed, N failed" for
// whoever reads the end of a log. A run that left nothing counts as a failure. Runs on the machine's own Node.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'test-output')
const runs = ['gates.json', 'gates-full.json', 'gates-docker.json']
const found = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []

let passed = 0
let failed = runs.filter((name) => !found.includes(name)).length
for (const name of found) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'))
  // measurements lie there, too
  if (report.numPassedTests === undefined) continue
  passed += report.numPassedTests
  // a test file that cannot be loaded has no tests to count
  failed += report.success ? 0 : Math.max(report.numFailedTests, 1)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
