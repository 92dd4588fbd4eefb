// `npm start`: runs both services on this machine, from their source, and says where they are and what to try next. Ends
// both when it is asked to end, and when one of them dies. `npm run dev` (--watch): each starts again when its source changes.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { onEnd } from './child.mjs'

const root = join(import.meta.dirname, '..')
const READY_WITHIN = 60_000
const END_WITHIN = 15_000
const levels = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

const watch = process.argv[2] === '--watch' ? ['--watch', '--watch-preserve-output'] : []
const settings = readSettings(process.env, await readGateway(process.env))
for (const service of settings.services) await mustBeFree(service)

const children = new Map()
let ending = false
onEnd(() => end(0))
// one after the other: the MCP server asks the authorization server for its keys as soon as it starts
for (const service of settings.services) {
  if (ending) break
  start(service)
  await untilReady(service)
}
if (!ending) console.log(welcome(settings))

/**
 * What both services need to know of each other, from the variables of either. PORT would give both the same port, so
 * each gets the port of its own address.
 */
function readSettings(env, gateway) {
  const issuer = env.AUTH_ISSUER || env.MCP_ISSUER || 'http://localhost:4000'
  const own = gateway.endpoint?.resource
  const resource = own ?? (env.MCP_RESOURCE_URL || 'http://localhost:3000/mcp')
  if (env.PORT) {
    fail(
      'PORT is set, and would give both services the same port.',
      'Leave it out. Other ports:  AUTH_ISSUER=http://localhost:4001 MCP_RESOURCE_URL=http://localhost:3001/mcp npm start',
    )
  }
  for (const [name, value] of Object.entries({ AUTH_ISSUER: issuer, MCP_RESOURCE_URL: resource })) {
    if (!URL.canParse(value)) fail(`${name} is "${value}", which is not a URL.`, 'Such as:  http://localhost:4000')
  }
  const dataDir = resolve(env.INIT_CWD ?? root, env.DATA_DIR || join(root, '.data'))
  const node = {
    // as in the Dockerfile, where it is said what for
    NODE_OPTIONS: '--max-semi-space-size=8',
    MALLOC_ARENA_MAX: '2',
    // from source, half of a start is spent on compiling it
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'gatehouse', 'compiled'),
  }
  const shared = { LOG_LEVEL: 'warn', ...node, ...env, DATA_DIR: dataDir, GATEHOUSE_CONFIG: gateway.file ?? '' }
  const resources = JSON.stringify([{ resource, name: 'Gatehouse MCP server' }])
  return {
    issuer,
    resource,
    isDemonstration: !gateway.file && !env.MCP_UPSTREAM,
    storage: env.REDIS_URL ? 'Redis (REDIS_URL)' : dataDir,
    logins: configuredLogins(env),
    services: [
      {
        name: 'auth',
        variable: 'AUTH_ISSUER',
        url: issuer,
        port: portOf(issuer, 4000),
        env: { ...shared, AUTH_ISSUER: issuer, ...(!own && { AUTH_RESOURCES: env.AUTH_RESOURCES || resources }) },
      },
      {
        name: 'mcp',
        variable: own ? undefined : 'MCP_RESOURCE_URL',
        url: resource,
        port: portOf(resource, 3000),
        env: { ...shared, MCP_ISSUER: env.MCP_ISSUER || issuer, ...(!own && { MCP_RESOURCE_URL: resource }) },
      },
    ],
  }
}

/** The file of GATEHOUSE_CONFIG and its endpoint, if it has one. What is wrong with it the services tell. */
async function readGateway(env) {
  if (!env.GATEHOUSE_CONFIG) return {}
  const file = resolve(env.INIT_CWD ?? root, env.GATEHOUSE_CONFIG)
  const { readGatewayFile } = await import('../packages/shared/src/gateway-file/read.ts')
  try {
    return { file, endpoint: readGatewayFile(readFileSync(file, 'utf8')).file?.endpoints?.[0] }
  } catch {
    return { file }
  }
}

/** Behind a proxy the public address says nothing about the port to listen on. */
function portOf(address, fallback) {
  const { hostname, port, protocol } = new URL(address)
  const here = protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
  return here ? Number(port || 80) : fallback
}

function configuredLogins(env) {
  return [
    env.GITHUB_CLIENT_ID && 'GitHub',
    env.GOOGLE_CLIENT_ID && 'Google',
    env.OIDC_ISSUER && (env.OIDC_LABEL || env.OIDC_ISSUER),
  ].filter(Boolean)
}

async function mustBeFree({ name, variable, url, port }) {
  const server = createServer()
  const error = await new Promise((done) => {
    server.once('error', done)
    server.listen(port, 'localhost', () => server.close(() => done(undefined)))
  })
  if (!error) return
  const other = new URL(url)
  other.port = String(port + 1)
  const instead = other.href.replace(/\/$/, '')
  const way = variable ? `:  ${variable}=${instead} npm start` : ` in the file of GATEHOUSE_CONFIG, such as ${instead}`
  if (error.code === 'EADDRINUSE') {
    fail(
      `Port ${port}, where ${name} would listen, is in use: perhaps by another "npm start".`,
      `Stop what listens there, or choose another port${way}`,
    )
  }
  fail(`Port ${port}, where ${name} would listen, cannot be used: ${error.message}.`, `Another${way}`)
}

function start({ name, port, env }) {
  // its own process group: Ctrl-C reaches us alone, and each service is told once
  const options = ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...watch, ...options, `apps/${name}/src/main.ts`], {
    cwd: root,
    env: { ...env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  })
  children.set(name, child)
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) =>
      process.stderr.write(`${name.padEnd(4)} ${readable(line)}\n`),
    )
  }
  child.on('close', (code, signal) => {
    children.delete(name)
    if (ending) return
    process.stderr.write(`\n✗ ${name} has ended (${signal ?? `exit code ${code}`}); its last words are above.\n`)
    end(1)
  })
}

/** A line of JSON log as a person reads it; anything else as it is. */
function readable(line) {
  if (!line.startsWith('{')) return line
  try {
    const { level, msg, err, time: _time, pid: _pid, hostname: _hostname, name: _name, ...rest } = JSON.parse(line)
    const facts = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : ''
    return `${levels[level] ?? level}: ${msg ?? ''}${err?.message && err.message !== msg ? ` (${err.message})` : ''}${facts}`
  } catch {
    return line
  }
}

async function untilReady({ name, port }) {
  const deadline = Date.now() + READY_WITHIN
  while (!ending) {
    const response = await fetch(`http://localhost:${port}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(
      () => undefined,
    )
    await response?.body?.cancel()
    if (response?.ok) return
    if (Date.now() > deadline) {
      const why = response ? `/readyz answers ${response.status}` : 'nothing answers'
      process.stderr.write(
        `\n✗ ${name} is not ready after ${READY_WITHIN / 1000} s (${why}). LOG_LEVEL=debug npm start shows more.\n`,
      )
      end(1)
      return
    }
    await wait(100)
  }
}

/** Ends both services, then this process. A second call changes nothing. */
function end(code) {
  if (ending) return
  ending = true
  void (async () => {
    for (const child of children.values()) child.kill('SIGTERM')
    const deadline = Date.now() + END_WITHIN
    while (children.size > 0 && Date.now() < deadline) await wait(20)
    for (const child of children.values()) child.kill('SIGKILL')
    process.exit(code)
  })()
}

function welcome({ issuer, resource, isDemonstration, logins, storage }) {
  const developer = logins.length === 0
  const url = resource === 'http://localhost:3000/mcp' ? '' : `--url ${resource} `
  return [
    '',
    'Gatehouse is running.',
    '',
    `  MCP server      ${resource}`,
    `  Authorization   ${issuer}`,
    `  Sign-in         ${developer ? 'developer login: ANYBODY CAN SIGN IN UNDER ANY NAME' : logins.join(', ')}`,
    `  Data            ${storage}`,
    ...(developer
      ? [
          '',
          '! The developer login asks for no password. It is for this machine only and must never be public:',
          '  set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET before anybody else can reach it.',
        ]
      : []),
    '',
    'Try it, in another terminal:',
    '',
    `  npm run -s client -- ${url}${isDemonstration ? `call greet '{"name":"world"}'` : 'tools'}`,
    '',
    'Ctrl-C stops both.',
  ].join('\n')
}

function fail(what, hint) {
  process.stderr.write(`\n✗ ${what}\n  ${hint.trim().replaceAll('\n', '\n  ')}\n`)
  process.exit(1)
}
