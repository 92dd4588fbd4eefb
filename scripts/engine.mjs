// The Docker engine for `npm run test:docker`: the one that answers, else one of our own on Debian, where we may install.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { runChild } from './child.mjs'
import { dockerAnswers } from './prerequisites.mjs'

const folder = join(import.meta.dirname, '..', '.ci')
const run = (name) => runChild(join(folder, name), [], { stdio: ['ignore', 'pipe', 'inherit'] })

/** Names it in the environment. `missing` says why; `stop` ends it if it was started here. */
export async function findEngine(env = process.env) {
  const none = { missing: [], stop: async () => {} }
  if (await dockerAnswers()) return none
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    return {
      ...none,
      missing: ['A Docker engine: none answers. Start one; on Debian, as root, this test installs one by itself.'],
    }
  }
  const { code, output } = await run('docker-up')
  if (code !== 0) return { ...none, missing: ['A Docker engine: .ci/docker-up could not start one.'] }
  for (const [, name, value] of output.matchAll(/^export (\w+)=(.*)$/gm)) env[name] = value
  return { missing: [], stop: () => run('docker-down') }
}
