// This folder runs Gatehouse's programs as they are deployed, for tests and measurements. The tests' own harness is in e2e.
//
// The two services as real processes on free ports, with a data folder of their own: what `npm start` runs, from source.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keepLogs } from './kept-logs.ts'
import { freePorts } from './ports.ts'
import { type RunningProcess, startProcess } from './process.ts'
import { untilAnswers } from './until-answers.ts'

export type ServiceName = 'auth' | 'mcp'

export interface StackOptions {
  /** By default both. */
  readonly services?: readonly ServiceName[]
  /** Lifetimes in seconds, as in AUTH_LIFETIMES. Devices poll every second unless told otherwise. */
  readonly lifetimes?: Readonly<Record<string, number>>
  /** What AUTH_CLIENTS_FILE holds. */
  readonly clients?: readonly object[]
  readonly env?: Readonly<Partial<Record<ServiceName, Readonly<Record<string, string>>>>>
  /** A file that is /etc/hosts to the authorization server. Takes root, on Linux. */
  readonly hosts?: string | undefined
  /** Milliseconds that a service may take to be ready, 30,000 by default. */
  readonly readyWithin?: number
  /** Runs what was compiled into `dist`, as images do. */
  readonly built?: boolean
}

export interface Stack extends AsyncDisposable {
  readonly issuer: string
  readonly resource: string
  readonly dataDir: string
  /** The process of a service that runs. */
  readonly pid: (name: ServiceName) => number
  /** What both have logged since they were first started. */
  readonly logs: () => string
  /** Ends a service, by SIGTERM unless told otherwise, and starts it again on the same port and data. */
  readonly restart: (name: ServiceName, signal?: NodeJS.Signals) => Promise<void>
  readonly stop: (name: ServiceName) => Promise<void>
  readonly start: (name: ServiceName) => Promise<void>
}

export async function startStack({
  services = ['auth', 'mcp'],
  lifetimes = {},
  clients,
  env = {},
  hosts,
  readyWithin,
  built = false,
}: StackOptions = {}): Promise<Stack> {
  const [authPort = 0, mcpPort = 0] = await freePorts(2)
  const issuer = `http://localhost:${authPort}`
  const resource = `http://localhost:${mcpPort}/mcp`
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-e2e-'))
  const clientsFile = join(dataDir, 'clients.json')
  if (clients) writeFileSync(clientsFile, JSON.stringify(clients))

  const common = { DATA_DIR: dataDir, LOG_LEVEL: 'debug' }
  const environments: Record<ServiceName, Record<string, string>> = {
    auth: {
      ...common,
      PORT: String(authPort),
      AUTH_ISSUER: issuer,
      AUTH_RESOURCES: JSON.stringify([{ resource, name: 'Gatehouse MCP server' }]),
      AUTH_LIFETIMES: JSON.stringify({ deviceInterval: 1, ...lifetimes }),
      ...(clients && { AUTH_CLIENTS_FILE: clientsFile }),
      ...env.auth,
    },
    mcp: { ...common, PORT: String(mcpPort), MCP_RESOURCE_URL: resource, MCP_ISSUER: issuer, ...env.mcp },
  }
  const running = new Map<ServiceName, RunningProcess>()
  const before: string[] = []

  const start = async (name: ServiceName) => {
    const own = name === 'auth' && hosts ? { hosts } : {}
    const program = `apps/${name}/${built ? 'dist/main.js' : 'src/main.ts'}`
    const service = startProcess([program], { env: environments[name], built, ...own })
    running.set(name, service)
    await untilAnswers(service, `http://localhost:${environments[name].PORT}/readyz`, readyWithin)
  }
  const stop = async (name: ServiceName, signal: NodeJS.Signals = 'SIGTERM') => {
    const service = running.get(name)
    if (!service) return
    running.delete(name)
    if (!service.hasExited()) service.signal(signal)
    await service.end()
    before.push(service.output())
  }
  const logs = () => [...before, ...[...running.values()].map((service) => service.output())].join('\n')
  const dispose = async () => {
    await Promise.all([stop('auth'), stop('mcp')])
    keepLogs(logs(), authPort)
    rmSync(dataDir, { recursive: true, force: true })
  }

  try {
    await Promise.all(services.map(start))
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    issuer,
    resource,
    dataDir,
    pid: (name) => running.get(name)?.pid ?? 0,
    logs,
    restart: async (name, signal) => {
      await stop(name, signal)
      await start(name)
    },
    stop,
    start,
    [Symbol.asyncDispose]: dispose,
  }
}
