// What the gateway of deploy/gateway/compose.yml does, and what nobody may do there: its commands, its servers, their neighbours.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type ClientHome, createClientHome, promptOf, repository } from '@gatehouse/testing'
import { expect } from 'vitest'
import { call } from '../replicas/wire.ts'
import { createVisitor, logInWithDevice, type Tokens, untilReady } from './scene.ts'
import { createStack, type Stack } from './stack.ts'

const large = { scale: { auth: 1, mcp: 2 } }
const rights = ['CHOWN', 'KILL', 'SETGID', 'SETUID']
const gatewayFolder = 'deploy/gateway'
/** Of the user that commands run as: see Dockerfile. */
const serversUid = '2000'
/** Milliseconds. The edge asks the DNS every second, and a new replica for /readyz. */
const noticed = 3000
const listed = '[FILE] operations.md'

const fileOfTheGateway = () => readFileSync(join(repository, gatewayFolder, 'gatehouse.yaml'), 'utf8')

export interface GatewayScene {
  readonly stack: Stack
  /** Of our command. */
  readonly home: ClientHome
  /** A folder with the file of the gateway and one more upstream, and a compose file that mounts it. */
  readonly probing: string
  readonly forget: () => void
}

export async function createScene(): Promise<GatewayScene> {
  const stack = await createStack({
    project: 'gatehouse-docker-gateway',
    network: '10.213.89',
    files: [`${gatewayFolder}/compose.yml`],
    builtByHost: ['.ci/compose.gateway.ci.yml'],
  })
  const home = createClientHome(stack)
  const probing = mkdtempSync(join(tmpdir(), 'gatehouse-probing-'))
  chmodSync(probing, 0o755) // the services run under other users
  return {
    stack,
    home,
    probing,
    forget: () => {
      home[Symbol.dispose]()
      rmSync(probing, { recursive: true })
    },
  }
}

interface Service {
  readonly ports?: readonly unknown[]
  readonly cap_add?: readonly string[]
  readonly cap_drop: readonly string[]
  readonly read_only: boolean
  readonly security_opt: readonly string[]
  readonly networks?: Readonly<Record<string, unknown>>
  readonly init?: boolean
  readonly deploy: { readonly resources: { readonly limits: Readonly<Record<string, unknown>> } }
}

/** What the compose files say together. */
export async function rightsAreFew({ stack }: GatewayScene): Promise<void> {
  const { services, networks } = JSON.parse(await stack.compose(['config', '--format', 'json'])) as {
    readonly services: Readonly<Record<string, Service>>
    readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
  }
  for (const [name, { ports = [], cap_add = [], deploy, ...service }] of Object.entries(services)) {
    expect(ports, name).toHaveLength(name === 'edge' ? 2 : 0)
    expect(cap_add, name).toEqual({ mcp: rights, secrets: ['CHOWN'] }[name] ?? [])
    expect(service.cap_drop, name).toEqual(['ALL'])
    expect(service.read_only, name).toBe(true)
    expect(service.security_opt, name).toContain('no-new-privileges:true')
    expect(Object.keys(deploy.resources.limits), name).toEqual(expect.arrayContaining(['cpus', 'memory', 'pids']))
  }
  const inNetwork = Object.keys(services).filter(
    (name) => services[name]?.networks && 'upstreams' in services[name].networks,
  )
  expect(inNetwork.toSorted()).toEqual(['everything', 'mcp'])
  expect(Object.keys(services.everything?.networks ?? {})).toEqual(['upstreams'])
  expect(networks.upstreams?.internal).toBe(true)
  expect(services.mcp?.init).toBe(true)
  const processes = Number(/processes: { max: (\d+) }/.exec(fileOfTheGateway())?.[1])
  const { memory, pids } = services.mcp?.deploy.resources.limits ?? {}
  expect(Number(memory) / 2 ** 20, 'the service, /data, and each process').toBe(512 + 64 + 128 * processes)
  expect(pids).toBe(256 + 16 * processes)
}

export async function comesUp({ stack }: GatewayScene): Promise<void> {
  await stack.up(large)
  await untilReady(stack)
  expect(await stack.containers('mcp')).toHaveLength(2)
}

export async function bothServersAnswer({ stack, home }: GatewayScene): Promise<void> {
  await using first = home.run('call', 'everything__echo', '{"message":"through the gateway"}', '--device')
  const { code } = await promptOf(first)
  const person = createVisitor(stack)
  await person.enterCode(code)
  await person.logIn('ada')
  await person.approve()
  expect((await first.exited).code, first.output()).toBe(0)
  expect(first.stdout()).toContain('Echo: through the gateway')
  expect(await callByCommand(home, 'docs__read_text_file', { path: '/srv/docs/gateway.md' })).toContain('# The gateway')

  // whichever replica they come to
  const tokens = await logInWithDevice(stack, 'grace')
  await Promise.all(Array.from({ length: 20 }, () => list(stack, tokens)))
  for (const container of await stack.containers('mcp'))
    expect(await stack.logsOf(container), `${container.id} got requests`).toContain('"path":"/mcp"')
}

export async function serverIsApart({ stack }: GatewayScene): Promise<void> {
  for (const container of await stack.containers()) {
    const { Config, NetworkSettings } = await stack.inspect(container)
    const published = Object.values(NetworkSettings.Ports).flatMap((bindings) => bindings ?? [])
    expect(published.length, Config.Image).toBe(Config.Image.startsWith('haproxy') ? 2 : 0)
  }
  const addressOf = async (service: string) => {
    const [container] = await stack.containers(service)
    if (!container) throw new Error(`no ${service}`)
    return Object.values((await stack.inspect(container)).NetworkSettings.Networks)[0]?.IPAddress ?? ''
  }
  const connect = `const s = net.connect({ host: process.argv[1], port: process.argv[2], timeout: 2000 })
    for (const e of ['connect', 'error', 'timeout']) s.on(e, () => { console.log(e); process.exit() })`
  const reach = async (from: string, host: string, port: string) =>
    (await stack.exec(from, 'node', '-e', connect, host, port)).trim()
  const everything = await addressOf('everything')
  expect(await reach('mcp', everything, '3001')).toBe('connect')
  expect(await reach('auth', everything, '3001')).not.toBe('connect')
  expect(await reach('everything', await addressOf('redis'), '6379')).not.toBe('connect')
}

/** As docs/operations.md has it: one after the other, each known to the edge before the next. */
export async function rollingRestart({ stack }: GatewayScene): Promise<void> {
  const tokens = await logInWithDevice(stack, 'lin')
  let isOver = false
  let worked = 0
  const calling = async () => {
    while (!isOver) {
      const { status, text } = await callList(stack, tokens)
      expect(status, text).toBe(200)
      if (text.includes(listed)) worked += 1
      // a process that ends with its replica may say so to who calls it at that moment
      else expect(text).toMatch(/may have run|unavailable|try again/)
    }
  }
  const restarting = async () => {
    for (const container of await stack.containers('mcp')) {
      await container.restart({ t: 15 })
      await stack.untilHealthy()
      await wait(noticed)
    }
    isOver = true
  }
  await Promise.all([restarting(), calling(), calling()]).finally(() => {
    isOver = true
  })
  expect(worked).toBeGreaterThan(0)
  await list(stack, tokens)
}

/** A command that is asked to read for us all that it can. */
export async function commandsAreConfined({ stack, home, probing }: GatewayScene): Promise<void> {
  const probe = '  probe: { command: [mcp-server-filesystem, /], user: servers }\n'
  writeFileSync(join(probing, 'gatehouse.yaml'), `${fileOfTheGateway()}${probe}`)
  const volumes = `{ volumes: ["${probing}:/etc/gatehouse:ro"] }`
  writeFileSync(join(probing, 'compose.yml'), `services:\n  auth: ${volumes}\n  mcp: ${volumes}\n`)
  await stack.up({ files: [join(probing, 'compose.yml')] })
  await untilReady(stack)

  const read = (path: string) => callByCommand(home, 'probe__read_text_file', { path })
  expect(await read('/etc/gatehouse/gatehouse.yaml'), 'what it may read').toContain('upstreams:')
  const status = await read('/proc/self/status')
  expect(status).toMatch(new RegExp(`^Uid:(\\s+${serversUid}){4}$`, 'm'))
  expect(status).toMatch(new RegExp(`^Gid:(\\s+${serversUid}){4}$`, 'm'))
  expect(status).toMatch(/^Groups:\s*$/m)
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) expect(status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'))
  expect(status).toMatch(/^NoNewPrivs:\s+1$/m)

  const parent = /^PPid:\s+(\d+)$/m.exec(status)?.[1]
  const secrets = ['mcp-secret', 'mcp-secret-previous', 'redis-url'].map((name) => `/run/gatehouse/${name}`)
  for (const path of [...secrets, '/proc/1/environ', `/proc/${parent}/environ`, `/proc/${parent}/mem`])
    expect(await read(path), path).toMatch(/EACCES|permission denied/i)
  expect(await read('/proc/self/environ')).not.toMatch(/REDIS_URL|MCP_SECRET|GATEHOUSE_CONFIG/)
}

/** Whatever a command can write to, its own folders too. */
export async function nothingWrittenRuns({ stack }: GatewayScene): Promise<void> {
  const find = 'find / -path /proc -prune -o -type d -writable -print 2>/dev/null || true'
  const asCommand = ['exec', '-T', '--user', `${serversUid}:${serversUid}`, 'mcp', 'sh', '-c']
  const found = (await stack.compose([...asCommand, find])).trim().split('\n')
  const mounts = await stack.exec('mcp', 'cat', '/proc/mounts')
  for (const folder of ['/data', ...found])
    expect(mounts).toMatch(new RegExp(`^\\S+ ${folder} \\S+ rw,\\S*noexec`, 'm'))
}

export async function endsClean({ stack }: GatewayScene): Promise<void> {
  await stack.down()
  expect(await stack.remains()).toBe('')
}

/** What it prints, whatever comes of it. */
async function callByCommand(home: ClientHome, tool: string, parameters: object): Promise<string> {
  await using client = home.run('call', tool, JSON.stringify(parameters))
  await client.exited
  return client.output()
}

async function list(stack: Stack, tokens: Tokens): Promise<void> {
  const { status, text } = await callList(stack, tokens)
  expect(text, `${status}`).toContain(listed)
}

const callList = (stack: Stack, { access }: Tokens) =>
  call(stack, access, 'docs__list_directory', { path: '/srv/docs' })
