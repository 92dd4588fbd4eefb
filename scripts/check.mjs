// `npm test`: everything that checks the project, one line for each gate. The cheap ones all run, so that one run shows
// every fault; then the tests. `npm run test:full` (--full) runs the long suites, which `npm test` leaves out, and
// `npm run test:docker` (--docker) those of the images and the compose file.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runChild } from './child.mjs'
import { findEngine } from './engine.mjs'
import { missingPrerequisites } from './prerequisites.mjs'

const root = join(import.meta.dirname, '..')
const reports = join(root, 'test-output')
const [option, ...rest] = process.argv.slice(2)
const kind = { undefined: '', '--full': '-full', '--docker': '-docker' }[option]
if (kind === undefined || rest.length > 0) {
  console.error(`unknown option "${option}". One test file:  npx vitest run path/to/file.test.ts`)
  process.exit(2)
}

const tool = (path, ...args) => [process.execPath, join(root, 'node_modules', path), ...args]

const cheap = [
  ['format, lint and imports', tool('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.')],
  ['walls between folders', [process.execPath, join(root, 'scripts/walls-check.mjs')]],
  ['package manifests', tool('sherif/index.js', '--fail-on-warnings')],
  ['types', tool('typescript/bin/tsc', '-b')],
  ['package boundaries', tool('turbo/bin/turbo', 'boundaries')],
  ['unused code and dependencies', tool('knip/bin/knip.js')],
]
const suites = {
  '': [
    ['unit tests', 'unit'],
    ['end to end tests', 'e2e'],
  ],
  '-full': [['long suites', 'long']],
  '-docker': [['docker checks', 'docker']],
}[kind]

const started = performance.now()
const passed = []
const failed = []
const engine = kind === '-docker' ? await findEngine() : undefined
const missing = engine?.missing ?? (await missingPrerequisites())
report('prerequisites', missing.length === 0, 0, missing.map((text) => `Missing: ${text}`).join('\n'))
if (kind === '') for (const [name, command] of cheap) await gate(name, command, { shown: 'on failure' })
for (const [name, project] of suites) {
  const file = join(reports, `${project}.json`)
  rmSync(file, { force: true })
  if (missing.length > 0) {
    report(name, false, 0, 'Not run: see prerequisites.')
  } else {
    const command = tool('vitest/vitest.mjs', 'run', '--project', project, '--reporter=default', '--reporter=json')
    await gate(name, [...command, `--outputFile.json=${file}`], { shown: 'always' })
  }
}
await engine?.stop()
leaveCounts()

const seconds = ((performance.now() - started) / 1000).toFixed(0)
console.log(
  failed.length === 0 ? `\nAll gates passed in ${seconds} s.` : `\nFailed: ${failed.join(', ')} (${seconds} s)`,
)
process.exit(failed.length === 0 ? 0 : 1)

async function gate(name, [command, ...args], { shown }) {
  const began = performance.now()
  const stdio = shown === 'always' ? 'inherit' : ['ignore', 'pipe', 'pipe']
  const { code, signal, output } = await runChild(command, args, { cwd: root, stdio })
  if (signal) {
    await engine?.stop()
    process.exit(code)
  }
  report(name, code === 0, (performance.now() - began) / 1000, output)
}

function report(name, success, seconds, output = '') {
  ;(success ? passed : failed).push(name)
  console.log(`${success ? '✓' : '✗'} ${name.padEnd(32)}${seconds.toFixed(1).padStart(6)} s`)
  if (!success && output.trim()) console.log(`\n${output.trim().replaceAll(/^/gm, '    ')}\n`)
}

/** For tally.mjs, in the words of vitest's report. A suite that left its own report is counted there. */
function leaveCounts() {
  const counted = suites.filter(([, project]) => existsSync(join(reports, `${project}.json`))).map(([name]) => name)
  const own = (names) => names.filter((name) => !counted.includes(name)).length
  mkdirSync(reports, { recursive: true })
  writeFileSync(
    join(reports, `gates${kind}.json`),
    JSON.stringify({ numPassedTests: own(passed), numFailedTests: own(failed), success: own(failed) === 0 }),
  )
}
