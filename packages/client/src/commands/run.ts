// One run of the command: from the command line to the exit code. Everything of the process is handed in.
import { type Client, createClient } from '../client.ts'
import type { Clock } from '../clock.ts'
import { mcpServerUrl } from '../discovery/discovery.ts'
import { ClientError, exits, findClientError } from '../errors.ts'
import type { OpenUrl } from '../flows/open-url.ts'
import type { Fetch, Lookup } from '../network/guarded-fetch.ts'
import { type Session, subjectForDisplay } from '../session/session.ts'
import { createStore } from '../session/store.ts'
import { createSignInPrompts } from '../terminal/sign-in-prompts.ts'
import { createTerminal, errorDocument, type Output, showError, type Terminal } from '../terminal/terminal.ts'
import { cleanLine } from '../text.ts'
import { version } from '../version.ts'
import type { CommandContext, Values } from './command.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { commandHelp, generalHelp } from './help.ts'
import { commands } from './index.ts'
import { parseCommandLine, readTimeout, usageError } from './options.ts'

const DEFAULT_URL = 'http://localhost:3000/mcp'

export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
  readonly fetch: Fetch
  readonly lookup: Lookup
  readonly openUrl: OpenUrl
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** Runs one command line; never throws. Returns the exit code (see `exits`). */
export async function run(args: readonly string[], host: Host): Promise<number> {
  const { stdout, stderr, signal, env } = host
  const terminal = createTerminal({ stdout, stderr, color: !env.NO_COLOR && env.TERM !== 'dumb' })
  let commandLine = (command: string) => `gatehouse ${command}`
  try {
    const environment = readEnvironment(env)
    const { command, operands, values } = parseCommandLine(args, commands)
    commandLine = (line) => repeatable(environment.program, line, values.url)
    const help = { program: environment.program, columns: terminal.columns }
    if (values.version) return say(terminal, version)
    if (!command) return values.help || args.length === 0 ? say(terminal, generalHelp(commands, help)) : failUsage()
    if (values.help) return say(terminal, commandHelp(command, help))
    const context = createContext(host, environment, terminal, values, operands)
    return (await command.run(context)) ?? exits.ok.code
  } catch (thrown) {
    const error = signal.aborted ? interrupted() : (findClientError(thrown) ?? unexpected(thrown))
    if (args.includes('--json')) terminal.json(errorDocument(error, commandLine))
    else showError(terminal, error, commandLine)
    return error.exitCode
  }
}

function createContext(
  host: Host,
  environment: Environment,
  terminal: Terminal,
  values: Values,
  operands: readonly string[],
): CommandContext {
  const { clock } = host
  const url = mcpServerUrl(String(values.url ?? DEFAULT_URL))
  const timeout = readTimeout(values.timeout)
  const identity = readIdentity(environment, values['client-id'])
  const flow = readFlow(values, identity?.clientSecret !== undefined)
  const scope = values.scope === undefined ? undefined : String(values.scope)
  const client: Client = createClient({
    ...host,
    url,
    identity,
    store: createStore({ home: environment.home, notify: (notice) => terminal.warning(notice) }),
    prompts: createSignInPrompts(terminal, { server: url.href, qr: !values['no-qr'], clock }),
    allowPrivateAddresses: values['allow-private-addresses'] === true,
  })

  async function signIn(): Promise<Session> {
    const session = await client.signIn({ flow, scope, timeout })
    const subject = cleanLine(subjectForDisplay(session.accessToken) ?? session.clientId, 80)
    terminal.success(`Signed in as ${subject} (${cleanLine(session.scope) || 'no scopes'}), saved for next time`)
    return session
  }

  return {
    client,
    terminal,
    clock,
    values,
    operands,
    timeout,
    json: values.json === true,
    needsNobody: flow === 'machine',
    signIn,
    async ensureSignedIn() {
      try {
        return await client.session()
      } catch (error) {
        if (!(error instanceof ClientError && error.code === 'not_signed_in')) throw error
        const session = await signIn()
        terminal.lines([''])
        return session
      }
    },
  }
}

/** A secret from the environment belongs to the client id from there, and to no other. */
function readIdentity({ clientId, clientSecret }: Environment, given: Values[string]) {
  if (given === undefined) return clientId === undefined ? undefined : { clientId, clientSecret }
  return { clientId: String(given), clientSecret: given === clientId ? clientSecret : undefined }
}

/** Where a secret is at hand there is usually no person: then the machine's sign-in is the default. */
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

function unexpected(thrown: unknown): ClientError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  return new ClientError('unexpected', 'Something went wrong that this app did not foresee.', {
    reason: cleanLine(`${error.name}: ${error.message}`),
    hint: 'This is a fault of this app: please report it.',
    cause: thrown,
  })
}
