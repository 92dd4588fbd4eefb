// Adds up what the last `npm test`, `npm run test:full` and `npm run test:docker` left: one line "N passed, N failed" for
// anyone who reads the end of a log. A run that left nothing counts as a failure. Runs on the machine's own Node.
import { basename } from 'node:path'
import { readReport, reportFiles } from './reports.mjs'

const runs = ['gates.json', 'gates-full.json', 'gates-docker.json']
const files = [...reportFiles('root'), ...reportFiles('packages')]
const names = files.map((file) => basename(file))

let passed = 0
let failed = runs.filter((name) => !names.includes(name)).length
for (const file of files) {
  const report = readReport(file)
  passed += report?.passed ?? 0
  failed += report?.failed ?? 0
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
