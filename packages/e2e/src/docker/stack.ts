// The stack of docker-compose.yml under a project name, network and ports of its own, with no .env: beside a Gatehouse
// that somebody runs on this machine, and without anything of theirs.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { freePorts, repository, until } from '@gatehouse/testing'
import {
  type ContainerRuntimeClient,
  DockerComposeEnvironment,
  getContainerRuntimeClient,
  type StartedDockerComposeEnvironment,
  Wait,
} from 'testcontainers'
import { run } from './run.ts'

const healthyWithin = 90_000
const projectLabel = 'com.docker.compose.project'
const serviceLabel = 'com.docker.compose.service'

/** Of one `docker compose`: files beside the one of the repository, and what an .env would say. */
export interface ComposeOptions {
  readonly files?: readonly string[]
  readonly settings?: Readonly<Record<string, string>>
}

export interface UpOptions extends ComposeOptions {
  /** How many of each; what runs already stays as it is. */
  readonly scale?: Readonly<Record<'auth' | 'mcp', number>>
}

type Engine = ContainerRuntimeClient['container']
export type Container = ReturnType<Engine['getById']>

export interface Stack {
  readonly issuer: string
  readonly resource: string
  /** The edge's address on the network behind it. */
  readonly edge: string
  /** What `docker compose …` prints. `within` in milliseconds. */
  readonly compose: (args: readonly string[], within?: number) => Promise<string>
  /** `docker compose up`, until all is healthy. What fails is left as it is, with its logs. */
  readonly up: (options?: UpOptions) => Promise<void>
  readonly down: () => Promise<void>
  readonly untilHealthy: () => Promise<void>
  /** Those there are, whatever their state, in the order of their names. */
  readonly containers: (service?: string) => Promise<Container[]>
  readonly inspect: (container: Container) => ReturnType<Engine['inspect']>
  /** At once, by SIGKILL. */
  readonly kill: (container: Container) => Promise<void>
  /** What a command prints that ends well. */
  readonly exec: (service: string, ...command: readonly string[]) => Promise<string>
  readonly logsOf: (container: Container) => Promise<string>
  /** The last lines of each service, without the probes that come every second. */
  readonly lastLogs: () => Promise<string>
  /** Whose requests for a path a service has logged. */
  readonly addressesSeen: (service: string, path: string) => Promise<string[]>
  /** What the file says with nothing set at all. */
  readonly defaults: () => Promise<{ readonly services: Readonly<Record<string, ComposeService>> }>
  /** Containers, volumes and networks of the project. */
  readonly remains: () => Promise<string>
}

export interface StackOptions {
  readonly project?: string
  /** Its first three numbers. */
  readonly network?: string
  /** Files beside docker-compose.yml that all of it is about, and one with `build.network` for what they build. */
  readonly files?: readonly string[]
  readonly builtByHost?: readonly string[]
}

export async function createStack(options: StackOptions = {}): Promise<Stack> {
  const { project = 'gatehouse-docker-test', network = '10.213.88', files: added = [], builtByHost = [] } = options
  const { container: engine } = await getContainerRuntimeClient()
  forgetSettings()
  const [authPort, mcpPort] = (await freePorts(2)).map(String) as [string, string]
  const ports = { EDGE_AUTH_PORT: authPort, EDGE_MCP_PORT: mcpPort, EDGE_NETWORK: network }
  // a build in a container that reaches no registry needs the network of the machine
  const canReachOut = (await run('docker', ['info', '--format', '{{.IPv4Forwarding}}'])).trim() === 'true'
  const files = ['docker-compose.yml', ...added, ...(canReachOut ? [] : ['.ci/compose.ci.yml', ...builtByHost])]
  const common = ['--ansi', 'never', '--env-file', '/dev/null']
  let environment: StartedDockerComposeEnvironment | undefined

  const compose = (args: readonly string[], within?: number) => {
    const named = files.flatMap((file) => ['-f', file])
    return run('docker', ['compose', ...common, '--project-name', project, ...named, ...args], { env: ports, within })
  }
  const containers = async (service?: string) => {
    const label = [`${projectLabel}=${project}`, ...(service ? [`${serviceLabel}=${service}`] : [])]
    const found = await engine.dockerode.listContainers({ all: true, filters: { label } })
    return found
      .filter(({ Labels }) => Labels[serviceLabel] !== 'secrets')
      .toSorted((one, other) => (one.Names[0] ?? '').localeCompare(other.Names[0] ?? ''))
      .map(({ Id }) => engine.getById(Id))
  }
  const inspect: Stack['inspect'] = (container) => engine.inspect(container)
  const logsOf: Stack['logsOf'] = ({ id }) => run('docker', ['logs', id])
  const untilHealthy = async () => {
    const isHealthy = async () => {
      const states = (await Promise.all((await containers()).map(inspect))).map(({ State }) => State)
      return states.length >= 4 && states.every(({ Running, Health }) => Running && Health?.Status === 'healthy')
    }
    await until(isHealthy, healthyWithin, 250)
  }

  await compose(['down', '--volumes', '--remove-orphans'])
  return {
    issuer: `http://localhost:${authPort}`,
    resource: `http://localhost:${mcpPort}/mcp`,
    edge: `${network}.2`,
    compose,
    containers,
    inspect,
    logsOf,
    untilHealthy,
    up: async ({ files: more = [], settings = {}, scale }: UpOptions = {}) => {
      const scaled = Object.entries(scale ?? {}).flatMap(([service, count]) => ['--scale', `${service}=${count}`])
      environment = await new DockerComposeEnvironment(repository, [...files, ...more])
        .withProjectName(project)
        .withEnvironment({ ...ports, ...settings })
        .withClientOptions({ composeOptions: common, commandOptions: [...(scale ? ['--no-recreate'] : []), ...scaled] })
        .withDefaultWaitStrategy(Wait.forAll([]))
        .up()
      await untilHealthy()
    },
    down: async () => {
      await environment?.down({ timeout: 20_000 })
      environment = undefined
    },
    defaults: async () => {
      const plain = ['compose', '--env-file', '/dev/null', '-f', 'docker-compose.yml', 'config', '--format', 'json']
      return JSON.parse(await run('docker', plain)) as { readonly services: Readonly<Record<string, ComposeService>> }
    },
    kill: async (container) => void (await container.kill({ signal: 'SIGKILL' })),
    exec: async (service: string, ...command: readonly string[]) => {
      const [container] = await containers(service)
      if (!container) throw new Error(`no ${service} runs`)
      const { exitCode, output, stdout } = await engine.exec(container, [...command])
      if (exitCode !== 0) throw new Error(`${service}: ${command.join(' ')}: exit code ${exitCode}\n${output}`)
      return stdout
    },
    addressesSeen: async (service: string, path: string) => {
      const logs = await Promise.all((await containers(service)).map(logsOf))
      const lines = logs.flatMap((text) => text.split('\n')).filter((line) => line.includes(`"path":"${path}"`))
      return lines.map((line) => String(JSON.parse(line).req.remoteAddress))
    },
    remains: async () => {
      const filter = ['--quiet', '--filter', `label=${projectLabel}=${project}`]
      const lists = [
        ['ps', '--all', ...filter],
        ['volume', 'ls', ...filter],
        ['network', 'ls', ...filter],
      ]
      return (await Promise.all(lists.map((list) => run('docker', list)))).join('').trim()
    },
    lastLogs: async () => {
      const logs = stripVTControlCharacters(await compose(['logs', '--no-color', '--tail', '200']).catch(String))
      const lines = logs
        .split('\n')
        .filter((line) => line && !/"path":"\/(livez|readyz)"|"request completed"/.test(line))
      const byService = Object.groupBy(lines, (line) => line.split(' ')[0] ?? '')
      return Object.values(byService)
        .flatMap((own) => own?.slice(-20) ?? [])
        .map((line) => line.slice(0, 400))
        .join('\n')
    },
  }
}

interface ComposeService {
  readonly ports?: readonly { readonly host_ip: string; readonly published: string; readonly target: number }[]
  readonly environment: Readonly<Record<string, string>>
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly deploy: { readonly resources: { readonly limits: Readonly<Record<string, unknown>> } }
}

/** Compose would take them from the environment of this process. */
function forgetSettings(): void {
  const files = ['docker-compose.yml', 'deploy/tls/compose.yml', 'deploy/gateway/compose.yml'].map((file) =>
    readFileSync(join(repository, file), 'utf8'),
  )
  for (const [, used = '', passed = ''] of files.join('\n').matchAll(/\$\{([A-Z_]+)|^ +([A-Z_]+):$/gm))
    delete process.env[used || passed]
}
