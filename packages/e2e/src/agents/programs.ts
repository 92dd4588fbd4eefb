// Other people's agents, from npm: installed once into the repository's cache, as agents/package.json and its lockfile
// have them. They are outside of the workspace, so that nothing but these tests pays for their gigabyte. Of their
// installation scripts only those run that put a program from another package into its place.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { repository } from '@gatehouse/testing'

const run = promisify(execFile)
const manifests = join(repository, 'packages/e2e/agents')
const files = ['package.json', 'package-lock.json']
const scripts = ['@anthropic-ai/claude-code/install.cjs', 'opencode-ai/postinstall.mjs']

/** The folder that has their commands. */
export async function installAgents(): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(manifests, file)))
  const folder = join(repository, '.cache', `agents-${hash.digest('hex').slice(0, 12)}`)
  if (!existsSync(folder)) await install(folder)
  return join(folder, 'node_modules', '.bin')
}

async function install(folder: string): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true })
  const temporary = mkdtempSync(`${folder}.`)
  try {
    for (const file of files) copyFileSync(join(manifests, file), join(temporary, file))
    // not `npm ci`: it takes a lockfile without every platform's packages for a broken one
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: temporary })
    for (const script of scripts) {
      const path = join(temporary, 'node_modules', script)
      await run(process.execPath, [path], { cwd: dirname(path) })
    }
    renameSync(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}
