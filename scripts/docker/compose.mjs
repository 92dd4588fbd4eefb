// The stack of docker-compose.yml under a project name, network and ports of its own, with no .env: beside a Gatehouse
// that somebody runs on this machine, and without anything of theirs.
import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const PROJECT = 'gatehouse-docker-test'
const NETWORK = '10.213.88'

/** What a program prints, or an error with it. `timeout` in seconds. */
export function run(command, args, { timeout = 60, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      { cwd: root, env, timeout: timeout * 1000, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout)
        const why = error.killed ? `took longer than ${timeout} s` : `exit code ${error.code}`
        reject(new Error(`${command} ${args.join(' ')}: ${why}\n${(stdout + stderr).slice(-4000)}`))
      },
    )
  })
}

/** The engine that DOCKER_HOST or Docker's own settings name; else one of our own, which `stop` ends again. */
export async function findEngine() {
  if (await run('docker', ['info']).catch(() => undefined)) return { stop: async () => undefined }
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    throw new Error('No Docker engine answers. Start one; on Debian, as root, this test installs one by itself.')
  }
  const exports = await run('.ci/docker-up', [], { timeout: 600 })
  for (const [, name, value] of exports.matchAll(/^export (\w+)=(.*)$/gm)) process.env[name] = value
  return { stop: () => run('.ci/docker-down', []) }
}

export async function createStack() {
  const [authPort, mcpPort] = [await freePort(), await freePort()]
  const issuer = `http://localhost:${authPort}`
  const { PATH, HOME, DOCKER_HOST, DOCKER_CONFIG, DOCKER_CONTEXT, BUILDKIT_PROGRESS = 'plain' } = process.env
  const env = {
    ...withoutUndefined({ PATH, HOME, DOCKER_HOST, DOCKER_CONFIG, DOCKER_CONTEXT, BUILDKIT_PROGRESS }),
    EDGE_AUTH_PORT: authPort,
    EDGE_MCP_PORT: mcpPort,
    EDGE_NETWORK: NETWORK,
  }
  // A build in a container that reaches no registry needs the network of the machine.
  const canReachOut = (await run('docker', ['info', '--format', '{{.IPv4Forwarding}}'])).trim() === 'true'
  const files = ['docker-compose.yml', ...(canReachOut ? [] : ['.ci/compose.ci.yml'])]

  const compose = (args, { timeout, files: more = [], settings = {} } = {}) => {
    const named = [...files, ...more].flatMap((file) => ['-f', file])
    const all = ['compose', '--ansi', 'never', '--env-file', '/dev/null', '--project-name', PROJECT, ...named, ...args]
    return run('docker', all, { timeout, env: { ...env, ...settings } })
  }
  const up = (args = [], options = {}) =>
    compose(['up', '--detach', '--wait', '--wait-timeout', '90', ...args], { timeout: 120, ...options })
  const containers = async (...service) => (await compose(['ps', '--quiet', ...service])).split('\n').filter(Boolean)
  const logsOf = (id) => run('docker', ['logs', id])

  return {
    issuer,
    resource: `http://localhost:${mcpPort}/mcp`,
    ports: { auth: authPort, mcp: mcpPort },
    /** The edge's address on the network behind it. */
    edge: `${NETWORK}.2`,
    compose,
    up,
    containers,
    /** What the file says with nothing set at all. */
    async defaults() {
      const plain = ['compose', '--env-file', '/dev/null', '-f', 'docker-compose.yml', 'config', '--format', 'json']
      return JSON.parse(await run('docker', plain, { env: withoutUndefined({ PATH, HOME, DOCKER_HOST }) }))
    },
    inspect: async (id) => JSON.parse(await run('docker', ['inspect', id]))[0],
    kill: (id) => run('docker', ['kill', '--signal', 'KILL', id]),
    exec: (service, ...command) => compose(['exec', '-T', service, ...command]),
    logsOf,
    /** Whose requests for a path a service has logged. */
    async addressesSeen(service, path) {
      const logs = await Promise.all((await containers(service)).map(logsOf))
      const lines = logs.flatMap((text) => text.split('\n')).filter((line) => line.includes(`"path":"${path}"`))
      return lines.map((line) => JSON.parse(line).req.remoteAddress)
    },
    async down() {
      await compose(['down', '--volumes', '--remove-orphans', '--timeout', '20'], { timeout: 120 })
    },
    async remains() {
      const filter = ['--quiet', '--filter', `label=com.docker.compose.project=${PROJECT}`]
      const lists = [
        ['ps', '--all', ...filter],
        ['volume', 'ls', ...filter],
        ['network', 'ls', ...filter],
      ]
      return (await Promise.all(lists.map((list) => run('docker', list)))).join('').trim()
    },
  }
}

/** Below what systems give to connections that go out: one of those could take it between this look and its use. */
export async function freePort() {
  for (;;) {
    const port = randomInt(12_000, 32_000)
    const server = createServer()
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return String(port)
  }
}

function withoutUndefined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
