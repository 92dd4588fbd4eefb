// What nobody may do: processes, services against each other, clients and tunnels against the edge, readers of logs.
import { expect } from 'vitest'
import { ask } from '../replicas/wire.ts'
import { createVisitor, type Scene, startDevice } from './scene.ts'
import type { Stack } from './stack.ts'

/** What the compose file says by itself. */
export async function defaultsAreSafe({ stack }: Scene): Promise<void> {
  const { services } = await stack.defaults()
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map(({ host_ip, published, target }) => `${name} ${host_ip}:${published}:${target}`),
  )
  expect(published).toEqual(['edge 127.0.0.1:4000:4000', 'edge 127.0.0.1:3000:3000'])
  const { auth, mcp } = services
  expect(auth?.environment.AUTH_ISSUER).toBe('http://localhost:4000')
  expect(mcp?.environment.MCP_RESOURCE_URL).toBe('http://localhost:3000/mcp')
  const resources = JSON.parse(auth?.environment.AUTH_RESOURCES ?? '[]') as readonly { readonly resource: string }[]
  expect(resources.map(({ resource }) => resource)).toEqual(['http://localhost:3000/mcp'])
  for (const [name, { read_only, cap_drop, security_opt, deploy }] of Object.entries(services)) {
    expect(read_only, name).toBe(true)
    expect(cap_drop, name).toContain('ALL')
    expect(security_opt, name).toContain('no-new-privileges:true')
    const { cpus, memory, pids } = deploy.resources.limits
    expect(Boolean(cpus && memory && pids), name).toBe(true)
  }
}

export async function processesAreConfined({ stack }: Scene): Promise<void> {
  for (const service of ['edge', 'auth', 'mcp', 'redis']) {
    const [container] = await stack.containers(service)
    if (!container) throw new Error(`no ${service}`)
    const { HostConfig, State } = await stack.inspect(container)
    expect(State.Health?.Status, service).toBe('healthy')
    expect(HostConfig.ReadonlyRootfs, service).toBe(true)
    const status = await stack.exec(service, 'cat', '/proc/1/status')
    const uids = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/)
    expect(uids, service).toHaveLength(4)
    expect(uids, service).not.toContain('0')
    expect(status, service).toMatch(/^CapBnd:\s+0+$/m)
    expect(status, service).toMatch(/^NoNewPrivs:\s+1$/m)
  }
}

export async function secretsStay({ stack }: Scene): Promise<void> {
  const before = await readSecrets(stack)
  await stack.compose(['run', '--rm', '-T', 'secrets'])
  expect((await readSecrets(stack)) as object).toEqual(before)
  for (const [name, value] of before) expect(value.length, name).toBeGreaterThanOrEqual(32)
}

export async function servicesAreSeparate({ stack }: Scene): Promise<void> {
  const filesOf = (service: string) => stack.exec(service, 'find', '/run/gatehouse', '-type', 'f')
  expect(await filesOf('mcp')).not.toMatch(/auth-secret|operator|users\.acl/)
  expect(await filesOf('redis')).not.toMatch(/auth-secret|redis-url/)
  const secrets = await readSecrets(stack)
  const asked = async (service: string, ...command: readonly string[]) => {
    const url = secrets.get(`${service}/redis-url`)?.replace('@redis:', '@127.0.0.1:') ?? ''
    return (await stack.exec('redis', 'redis-cli', '--no-auth-warning', '-u', url, ...command)).trim()
  }
  expect(await asked('mcp', 'SET', 'mcp:test', '1', 'EX', '60')).toBe('OK')
  const forbidden = ['GET auth:x', 'DEL auth:x', 'PUBLISH auth:x 1', 'SCAN 0', 'KEYS *', 'CONFIG GET *', 'FLUSHALL']
  for (const command of forbidden) expect(await asked('mcp', ...command.split(' ')), command).toMatch(/^NOPERM/)
  expect(await asked('auth', 'GET', 'mcp:test')).toMatch(/^NOPERM/)
  expect(await stack.exec('redis', 'redis-cli', 'GET', 'auth:x')).toMatch(/^NOAUTH/)
}

export async function otherNamesAreRefused({ stack }: Scene): Promise<void> {
  for (const url of [`${stack.issuer}/token`, stack.resource]) {
    const other = new URL(url)
    other.hostname = '127.0.0.1'
    expect((await ask(other.href, { method: 'POST' })).status, url).toBe(421)
  }
}

export async function claimedAddressIsIgnored({ stack }: Scene): Promise<void> {
  const headers = { 'x-forwarded-for': '9.9.9.9', 'x-real-ip': '9.9.9.9', forwarded: 'for=9.9.9.9' }
  await ask(`${stack.issuer}/jwks`, { headers })
  const seen = await stack.addressesSeen('auth', '/jwks')
  expect(seen.length, 'the request is in the log of auth').toBeGreaterThan(0)
  expect(seen).not.toContain('9.9.9.9')
  expect(seen).not.toContain(stack.edge)
}

export async function tunnelIsRefused({ stack }: Scene): Promise<void> {
  const forwarded = { 'x-forwarded-for': '9.9.9.9' }
  const signs: readonly Readonly<Record<string, string>>[] = [
    forwarded,
    { 'x-forwarded-host': 'tunnel.example' },
    { 'x-forwarded-proto': 'http' },
    { forwarded: 'for=9.9.9.9' },
    { 'x-real-ip': '127.0.0.1' },
  ]
  const spellings = ['/interaction/', '/%69nteraction/', '/interactio%6e/']
  const sent = [
    ...signs.map((sign) => ({ sign, path: '/interaction/' })),
    ...spellings.map((path) => ({ sign: forwarded, path })),
  ]
  for (const { sign, path } of sent) {
    let isForwarded = false
    const person = createVisitor(stack, {
      headers: () => (isForwarded ? sign : {}),
      spell: (url) => (isForwarded ? url.replace('/interaction/', path) : url),
    })
    await person.enterCode((await startDevice(stack)).userCode)
    isForwarded = true
    const refused = await person.submit('/login', { name: 'mallory' })
    expect(refused.status, `${path} ${JSON.stringify(sign)}`).toBe(403)
    expect(refused.text, path).toMatch(/tunnel/)
  }
}

export async function logsHaveNoSecrets({ stack, tokens }: Scene): Promise<void> {
  const logs = await stack.compose(['logs', '--no-color'])
  const secrets = [...(await readSecrets(stack))].map(([name, value]) =>
    name.endsWith('/redis-url') ? new URL(value).password : value,
  )
  for (const { access, refresh } of tokens.values()) secrets.push(access, refresh)
  expect(secrets.length).toBe(9)
  expect(secrets.filter((secret) => secret === '' || logs.includes(secret))).toHaveLength(0)
  expect(logs, 'the id of an interaction').not.toMatch(/\/interaction\/[\w-]{20}/)
}

/** By service and file. */
async function readSecrets(stack: Stack): Promise<Map<string, string>> {
  const files = ['auth/redis-url', 'auth/auth-secret', 'mcp/redis-url', 'redis/operator-password', 'redis/users.acl']
  const read = files.map(async (name) => {
    const [service = '', file = ''] = name.split('/')
    return [name, (await stack.exec(service, 'cat', `/run/gatehouse/${file}`)).trim()] as const
  })
  return new Map(await Promise.all(read))
}
