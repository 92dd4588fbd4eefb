// One run of the command: from the command line to the exit code. Everything of the process is handed in.

import { ClientError, cleanLine, exits, findClientError } from '@gatehouse/network'
import { mcpServerUrl } from '../discovery/discovery.ts'
import { createProxiedFetch } from '../network/proxies.ts'
import { createTracedFetch } from '../network/traces.ts'
import { hasCredential } from '../registration/registration.ts'
import type { Session } from '../session/session.ts'
import { type CommandLine, createTerminal, errorDocument, showError, type Terminal } from '../terminal/terminal.ts'
import { version } from '../version.ts'
import { createAccess } from './access.ts'
import type { CommandContext, Host, Summary, Values } from './command.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { commandHelp, generalHelp } from './help.ts'
import { commands } from './index.ts'
import { parseCommandLine, readTimeout, usageError } from './options.ts'

export type { Host } from './command.ts'

const defaultUrl = 'http://localhost:3000/mcp'

/**
 * Runs one command line; never throws. Returns the exit code (see `exits`). `others`: commands of a program around this
 * one, which it runs itself; the help names them.
 */
export async function run(args: readonly string[], host: Host, others: readonly Summary[] = []): Promise<number> {
  const { stdout, stderr, signal, env } = host
  const terminal = createTerminal({ stdout, stderr, env })
  let commandLine = (command: string) => `gatehouse ${command}`
  try {
    const environment = readEnvironment(env)
    const { command, operands, values } = parseCommandLine(args, commands, others)
    commandLine = (line) => repeatable(environment.program, line, values.url)
    const help = { program: environment.program, columns: terminal.columns }
    if (values.version) return say(terminal, version)
    if (!command)
      return values.help || args.length === 0 ? say(terminal, generalHelp([...commands, ...others], help)) : failUsage()
    if (values.help) return say(terminal, commandHelp(command, help))
    const context = createContext({ host, environment, terminal, values, operands, commandLine })
    return (await command.run(context)) ?? exits.ok.code
  } catch (thrown) {
    const error = signal.aborted ? interrupted() : explain(thrown)
    if (args.includes('--json')) terminal.json(errorDocument(error, commandLine))
    else showError(terminal, error, commandLine)
    return error.exitCode
  }
}

interface ContextOptions {
  readonly host: Host
  readonly environment: Environment
  readonly terminal: Terminal
  readonly values: Values
  readonly operands: readonly string[]
  readonly commandLine: CommandLine
}

function createContext({ host: process, environment, terminal, values, ...rest }: ContextOptions): CommandContext {
  const { home, proxies, trace } = environment
  const proxied = proxies ? createProxiedFetch(proxies, process.fetch) : process.fetch
  const host = { ...process, fetch: trace ? createTracedFetch(trace, proxied) : proxied }
  const timeout = readTimeout(values.timeout)
  const identity = readIdentity(environment, values['client-id'])
  const flow = readFlow(values, hasCredential(identity))
  const common = {
    ...host,
    home,
    terminal,
    identity,
    flow,
    timeout,
    clientMetadataUrl: environment.clientMetadataUrl,
    scope: values.scope === undefined ? undefined : String(values.scope),
    qr: !values['no-qr'],
    allowPrivateAddresses: values['allow-private-addresses'] === true,
  }
  const url = mcpServerUrl(String(values.url ?? defaultUrl))
  return {
    ...rest,
    ...host,
    ...createAccess({ ...common, url }),
    accessTo(other) {
      const there = mcpServerUrl(other)
      if (there.origin === url.origin) return createAccess({ ...common, url: there })
      // A client id, and more so its secret, was given for the server of the command line and goes to no other.
      return createAccess({ ...common, url: there, identity: undefined, flow: readFlow(values, false) })
    },
    home,
    terminal,
    values,
    timeout,
    explain,
    input: host.stdin,
    output: host.stderr,
    json: values.json === true,
    needsNobody: flow === 'machine',
    notify: (notice) => terminal.warning(notice),
  }
}

/** A secret or a key from the environment belongs to the client id from there, and to no other. */
function readIdentity({ clientId, clientSecret, clientKey }: Environment, given: Values[string]) {
  const known = clientId === undefined ? undefined : { clientId, clientSecret, privateKey: clientKey }
  return given === undefined || given === clientId ? known : { clientId: String(given) }
}

/** Where a secret or a key is at hand there is usually no person: then the machine's sign-in is the default. */
function readFlow(values: Values, hasSecret: boolean): Session['flow'] {
  const chosen = (['device', 'browser', 'machine'] as const).filter((flow) => values[flow])
  if (chosen.length > 1) throw usageError('Choose one way to sign in.', `Not both --${chosen.join(' and --')}.`)
  return chosen[0] ?? (hasSecret ? 'machine' : 'device')
}

function failUsage(): never {
  throw usageError('Which command?', 'See what there is:', '--help')
}

function say(terminal: Terminal, text: string): number {
  terminal.result(text)
  return exits.ok.code
}

/** A command that can be pasted: with the same server, quoted where a shell would read something into it. */
function repeatable(program: string, line: string, url: Values[string]): string {
  if (url === undefined || line.includes('--help')) return `${program} ${line}`
  const quoted = /^[\w:/.-]+$/.test(String(url)) ? url : `'${String(url).replaceAll("'", `'\\''`)}'`
  return `${program} ${line} --url ${quoted}`
}

function interrupted(): ClientError {
  return new ClientError('interrupted', 'Stopped.')
}

function explain(thrown: unknown): ClientError {
  return findClientError(thrown) ?? unexpected(thrown)
}

function unexpected(thrown: unknown): ClientError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  return new ClientError('unexpected', 'Something went wrong that this app did not foresee.', {
    reason: cleanLine(`${error.name}: ${error.message}`),
    hint: 'This is a fault of this app: please report it.',
    cause: thrown,
  })
}
