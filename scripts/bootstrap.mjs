// The one way into the repository on a machine that has only Node 20 or newer and npm. It makes sure of Node 24 and of
// the installed packages, then runs one of the scripts beside it. Everything it says goes to standard error, so that
// `npm run -s client -- … --json` prints JSON alone.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runChild } from './child.mjs'

const NODE_MAJOR = 24
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const windows = process.platform === 'win32'

const steps = {
  up: ['scripts/up.mjs'],
  check: ['scripts/check.mjs'],
  'check-full': ['scripts/check.mjs', '--full'],
  'test-docker': ['scripts/docker-test.mjs'],
  client: ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning', 'packages/client/src/cli.ts'],
}

const [step = '', ...args] = process.argv.slice(2)
if (!Object.hasOwn(steps, step)) fail(`unknown step "${step}": one of ${Object.keys(steps).join(', ')}`)

const node = await findNode()
process.env.PATH = dirname(node) + delimiter + process.env.PATH
process.env.TURBO_TELEMETRY_DISABLED = '1'
process.env.INIT_CWD ??= process.cwd()
await install()
const { code } = await runChild(node, [...steps[step], ...args], { cwd: root, stdio: 'inherit' })
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

/** Installs what the lockfile names, unless that was done already. */
async function install() {
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
  const marker = join(root, 'node_modules', '.cache', 'gatehouse', 'installed')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return
  say('installing packages')
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const pnpm = ['pnpm', 'install', '--frozen-lockfile', '--reporter=append-only', '--config.confirmModulesPurge=false']
  await npmExec([`--package=${packageManager}`, '--', ...pnpm], process.stderr)
  remember(marker, wanted)
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
