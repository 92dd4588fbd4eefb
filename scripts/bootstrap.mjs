// The one way into the repository on a machine that has only Node 20 or newer and npm. It makes sure of Node 24 and of
// the installed packages, then runs one of the scripts beside it. Everything it says goes to standard error, so that
// `npm run -s client -- … --json` prints JSON alone.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runChild } from './child.mjs'

const NODE_MAJOR = 24
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const windows = process.platform === 'win32'

const fromSource = ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning']
/** What each step runs, and which packages it needs: `run` is what the services and the client depend on, `all` all. */
const steps = {
  up: { run: ['scripts/up.mjs'], needs: 'run' },
  check: { run: ['scripts/check.mjs'], needs: 'all' },
  'check-full': { run: ['scripts/check.mjs', '--full'], needs: 'all' },
  'test-docker': { run: ['scripts/check.mjs', '--docker'], needs: 'all' },
  client: { run: [...fromSource, 'packages/cli/src/main.ts'], needs: 'run' },
  bench: { run: [...fromSource, 'packages/bench/src/main.ts'], needs: 'all' },
  dev: { run: ['scripts/up.mjs', '--watch'], needs: 'all' },
  'test-unit': { run: ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit'], needs: 'all' },
  format: { run: ['node_modules/@biomejs/biome/bin/biome', 'check', '--write'], needs: 'all' },
  lint: { run: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'], needs: 'all' },
  typecheck: { run: ['node_modules/turbo/bin/turbo', 'run', 'typecheck', '--output-logs=errors-only'], needs: 'all' },
  changeset: { run: ['scripts/changeset.mjs'], needs: 'all' },
}
const installed = {
  all: [],
  run: ['--prod', '--filter-prod', '@gatehouse/cli...'],
}

const [asked = '', ...args] = process.argv.slice(2)
/** `npm start -- protect …` is the command's, which has the services in it. */
const isProtect = asked === 'up' && args[0] === 'protect'
const step = isProtect ? 'client' : asked
if (!Object.hasOwn(steps, step)) fail(`unknown step "${step}": one of ${Object.keys(steps).join(', ')}`)

const node = await findNode()
process.env.PATH = dirname(node) + delimiter + process.env.PATH
process.env.TURBO_TELEMETRY_DISABLED = '1'
process.env.INIT_CWD ??= process.cwd()
process.env.GATEHOUSE_CALLED_FROM = process.env.INIT_CWD
process.env.GATEHOUSE_PARENT = String(process.pid)
// what turbo runs, it runs where all is installed
if (!process.env.TURBO_HASH) await install(steps[step].needs)
// turbo runs the packages' scripts by it
if (steps[step].needs === 'all') process.env.PATH = (await findPnpm()) + delimiter + process.env.PATH
const { code } = await runChild(node, [...steps[step].run, ...args], { cwd: root, stdio: 'inherit' })
process.exit(code)

/** The Node binary to run with: this one if it is new enough, else the one that npm's `node-<platform>-<arch>` carries. */
async function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath
  const remembered = join(root, 'node_modules', '.cache', 'gatehouse', `node-${NODE_MAJOR}`)
  if (existsSync(remembered)) {
    const path = readFileSync(remembered, 'utf8')
    if (existsSync(path)) return path
  }
  say(
    `Node ${process.versions.node} is older than ${NODE_MAJOR}; fetching Node ${NODE_MAJOR} from npm (kept in npm's cache)`,
  )
  const name = `node-${windows ? 'win' : process.platform}-${process.arch}`
  const path = (
    await npmExec([`--package=${name}@${NODE_MAJOR}`, '--', 'node', '--print', 'process.execPath'], 'pipe')
  ).trim()
  remember(remembered, path)
  return path
}

/** The folder of the pinned pnpm's commands, in npm's cache. */
async function findPnpm() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const remembered = join(root, 'node_modules', '.cache', 'gatehouse', packageManager)
  if (existsSync(remembered) && existsSync(readFileSync(remembered, 'utf8'))) return readFileSync(remembered, 'utf8')
  const path = (
    await npmExec([`--package=${packageManager}`, '--', 'node', '--print', 'process.env.PATH'], 'pipe')
  ).trim()
  const [folder] = path.split(delimiter)
  remember(remembered, folder)
  return folder
}

/** Installs what the lockfile names, as far as it is needed, unless that was done already. */
async function install(needs) {
  const manifests = ['apps', 'packages'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(folder, name, 'package.json')),
  )
  const files = ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', ...manifests].filter((file) =>
    existsSync(join(root, file)),
  )
  // the Node binary is not part of it: no package has a build step that depends on one
  const hash = createHash('sha256')
  for (const file of files) hash.update(file).update(readFileSync(join(root, file)))
  const wanted = hash.digest('hex')
  const marker = (set) => join(root, 'node_modules', '.cache', 'gatehouse', `installed-${set}`)
  const isInstalled = (set) => existsSync(marker(set)) && readFileSync(marker(set), 'utf8') === wanted
  if (isInstalled('all') || isInstalled(needs)) return
  say(needs === 'all' ? 'installing packages, those of the tests too' : 'installing packages')
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const options = ['--frozen-lockfile', '--reporter=append-only', '--config.confirmModulesPurge=false']
  // a set that is wider takes nothing away; a narrower one may
  for (const set of Object.keys(installed)) rmSync(marker(set), { force: true })
  await npmExec(
    [`--package=${packageManager}`, '--', 'pnpm', 'install', ...options, ...installed[needs]],
    process.stderr,
  )
  remember(marker(needs), wanted)
}

/** Runs a package's command; what the command prints is returned, or goes to `out`. */
async function npmExec(rest, out) {
  const { code, signal, output } = await runChild(windows ? 'npm.cmd' : 'npm', ['exec', '--yes', ...rest], {
    cwd: root,
    shell: windows,
    stdio: ['ignore', out, 'inherit'],
  })
  if (signal) process.exit(code)
  if (code !== 0) fail(`"npm exec ${rest.join(' ')}" failed; its messages above say why.`)
  return output
}

function remember(file, content) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}

function say(text) {
  process.stderr.write(`gatehouse: ${text}\n`)
}

function fail(text) {
  say(text)
  process.exit(1)
}
