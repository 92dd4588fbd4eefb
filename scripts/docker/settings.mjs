// What the compose file says, and that files which list the variables of the services list them all.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const read = (path) => readFileSync(join(root, path), 'utf8')

/** Compose decides about these itself, or leaves them to whoever starts a service without it. */
const notPassedOn = { auth: ['DATA_DIR', 'NODE_ENV', 'PORT'], mcp: ['DATA_DIR', 'NODE_ENV', 'PORT'] }

export function areListed() {
  const example = read('.env.example')
  const manual = read('docs/operations.md')
  const compose = read('docker-compose.yml')
  for (const service of ['auth', 'mcp']) {
    const block = new RegExp(`^  ${service}:\\n((?:    .*\\n|\\n)+)`, 'm').exec(compose)[1]
    for (const { name, isSecret } of variablesOf(service)) {
      assert.match(example, new RegExp(`^#${name}=`, 'm'), `${name} in .env.example`)
      assert.ok(manual.includes(`\`${name}\``), `${name} in docs/operations.md`)
      if (isSecret) assert.match(example, new RegExp(`^#${name}_FILE=`, 'm'), `${name}_FILE in .env.example`)
      const passed = new RegExp(`^      ${name}${isSecret ? '(_FILE)?' : ''}:`, 'm').test(block)
      assert.ok(passed || notPassedOn[service].includes(name), `${name} in docker-compose.yml`)
    }
  }
}

/** `name: seconds(least, most, default)` in auth's config.ts, against the table of the manual. */
export function lifetimesAreListed() {
  const manual = read('docs/operations.md')
  const number = (text) =>
    text.split('*').reduce((product, each) => product * Number(each.replaceAll('_', '').replace('DAY', '86400')), 1)
  const lifetimes = [...read('apps/auth/src/config.ts').matchAll(/^ {2}(\w+): seconds\((.*)\),$/gm)]
  assert.ok(lifetimes.length > 5)
  for (const [, name, bounds] of lifetimes) {
    const [least, most, standard] = bounds.split(',').map(number)
    assert.ok(manual.includes(`| \`${name}\` | ${standard} | ${least} to ${most} |`), `${name} in docs/operations.md`)
  }
}

/** The names in a config.ts: env.NAME, or a string in capitals that a reader gets. */
function variablesOf(service) {
  const source = read(`apps/${service}/src/config.ts`)
  const found = new Map()
  for (const [, direct, reader, named] of source.matchAll(
    /\benv\.([A-Z][A-Z_]+)|\bread\w*(?:\.(\w+))?\(\s*'([A-Z][A-Z_]+)'/g,
  )) {
    found.set(direct ?? named, reader === 'secret')
  }
  assert.ok(found.size > 5, `variables in apps/${service}/src/config.ts`)
  return [...found].map(([name, isSecret]) => ({ name, isSecret }))
}

export async function areSafe(stack) {
  const { services } = await stack.defaults()
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map(({ host_ip, published, target }) => `${name} ${host_ip}:${published}:${target}`),
  )
  assert.deepEqual(published, ['edge 127.0.0.1:4000:4000', 'edge 127.0.0.1:3000:3000'])
  const { auth, mcp } = services
  assert.equal(auth.environment.AUTH_ISSUER, 'http://localhost:4000')
  assert.equal(mcp.environment.MCP_RESOURCE_URL, 'http://localhost:3000/mcp')
  assert.deepEqual(
    JSON.parse(auth.environment.AUTH_RESOURCES).map(({ resource }) => resource),
    ['http://localhost:3000/mcp'],
  )
  for (const [name, { read_only, cap_drop, security_opt, deploy }] of Object.entries(services)) {
    assert.ok(read_only && cap_drop.includes('ALL') && security_opt.includes('no-new-privileges:true'), name)
    const { cpus, memory, pids } = deploy.resources.limits
    assert.ok(cpus && memory && pids, name)
  }
}
