// The one way into the repository on a machine that has only Node 20 or newer and npm. It makes sure of Node 24 and of
// the installed packages, then runs one of the scripts beside it. Everything it says goes to standard error, so that
// `npm run -s client -- … --json` prints JSON alone.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR = 24
const root = dirname(dirname(fileURLToPath(import.meta.url)))

const steps = {
  up: ['scripts/up.mjs'],
  check: ['scripts/check.mjs'],
  'check-full': ['scripts/check.mjs', '--full'],
  client: ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning', 'packages/client/src/cli.ts'],
}

const [step = '', ...args] = process.argv.slice(2)
if (!(step in steps)) fail(`unknown step "${step}": one of ${Object.keys(steps).join(', ')}`)

const node = findNode()
process.env.PATH = dirname(node) + delimiter + process.env.PATH
process.env.TURBO_TELEMETRY_DISABLED = '1'
install()
run(node, [...steps[step], ...args])

/** The Node binary to run with: this one if it is new enough, else the one that npm's `node-<platform>-<arch>` carries. */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath
  const remembered = join(root, 'node_modules', '.cache', 'gatehouse', `node-${NODE_MAJOR}`)
  if (existsSync(remembered)) {
    const path = readFileSync(remembered, 'utf8')
    if (existsSync(path)) return path
  }
  say(`Node ${process.versions.node} is older than ${NODE_MAJOR}; fetching Node ${NODE_MAJOR} from npm (kept in npm's cache)`)
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const path = npmExec([`--package=${name}@${NODE_MAJOR}`, '--', 'node', '--print', 'process.execPath'], 'pipe').trim()
  remember(remembered, path)
  return path
}

/** Installs what the lockfile names, unless that was done already. */
function install() {
  const manifests = ['apps', 'packages'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(folder, name, 'package.json')),
  )
  const files = ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', ...manifests].filter((file) =>
    existsSync(join(root, file)),
  )
  const hash = createHash('sha256').update(node)
  for (const file of files) hash.update(file).update(readFileSync(join(root, file)))
  const wanted = hash.digest('hex')
  const marker = join(root, 'node_modules', '.cache', 'gatehouse', 'installed')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return
  say('Installing packages')
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  npmExec([`--package=${packageManager}`, '--', 'pnpm', 'install', '--frozen-lockfile', '--reporter=append-only'], 'log')
  remember(marker, wanted)
}

function npmExec(rest, output) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status, stdout, error } = spawnSync(npm, ['exec', '--yes', ...rest], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    // the child's standard output is ours to read or goes to our standard error
    stdio: ['ignore', output === 'pipe' ? 'pipe' : process.stderr, 'inherit'],
  })
  if (error) fail(`npm could not be run: ${error.message}`)
  if (status !== 0) fail(`"npm exec ${rest.join(' ')}" failed; its messages are above. Is the npm registry reachable?`)
  return stdout ?? ''
}

/** Runs the last step as a plain child, so that signals and the end of this process reach it. */
function run(command, rest) {
  const child = spawn(command, rest, { cwd: root, stdio: 'inherit', env: { ...process.env, INIT_CWD: process.env.INIT_CWD ?? process.cwd() } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 1000).unref()
  child.on('error', (error) => fail(error.message))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
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
