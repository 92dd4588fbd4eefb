// `protect`: a sign-in in front of somebody's MCP server, by one command. Both services run in this process, on embedded
// stores; nothing is changed in the server.
import { writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Inspected, inspectAll, readConfig, UpstreamError } from '@gatehouse/mcp/inspect'
import type { CommandContext } from '../command.ts'
import { explain, placeOf } from './faults.ts'
import { type FileOptions, gatewayFile, nameOf } from './file.ts'
import { type ProtectOptions, parseProtect } from './options.ts'
import { ofServices, startServices } from './services.ts'
import { openState } from './state.ts'
import { logLine, welcome } from './words.ts'

interface Addresses {
  readonly resource: string
  readonly issuer: string
  readonly ports: { readonly auth: number; readonly mcp: number }
}

/** Runs until it is told to stop. Rejects with a ClientError for what the person can mend. */
export async function protect(context: CommandContext): Promise<number> {
  const { args, env, terminal, folder, signal, programs } = context
  const options = parseProtect(args, programs.protect)
  const { target } = options
  const addresses = addressesFor(options)
  const state = openState(target, { env, folder })
  const file = join(state, 'gatehouse.yaml')
  const say = (line: string) => terminal.note(line)
  try {
    const { inspected, isSse } = await find(context, options, { addresses, state, file })
    const content: FileOptions = { ...options, isSse, environment: env, folder, home: homedir() }
    writeFileSync(file, gatewayFile(content, addresses), { mode: 0o600 })
    if (options.save !== undefined) {
      const saved = resolve(folder, options.save)
      writeFileSync(saved, gatewayFile(content, undefined), { mode: 0o600 })
      say(`Saved as ${saved}: the services read it by GATEHOUSE_CONFIG.`)
    }
    const services = await startServices({
      ...addresses,
      isPublic: options.publicOrigin !== undefined,
      dataDir: state,
      file,
      env,
      onLog: (service, line) => {
        const shown = logLine(service, line)
        if (shown !== undefined) say(shown)
      },
    })
    const { resource, issuer } = addresses
    const { logins } = services
    const found = { inspected, place: placeOf(target), name: nameOf(target), resource, issuer, logins, state }
    terminal.lines(welcome({ ...found, client: programs.client }))
    await new Promise((end) =>
      signal.aborted ? end(undefined) : signal.addEventListener('abort', end, { once: true }),
    )
    await services.close()
    return 0
  } catch (error) {
    throw explain(error, target)
  }
}

function addressesFor({ publicOrigin, port }: ProtectOptions): Addresses {
  const mcp = port ?? 3000
  if (publicOrigin !== undefined)
    return { issuer: publicOrigin, resource: `${publicOrigin}/mcp`, ports: { auth: mcp, mcp } }
  const auth = port === undefined ? 4000 : port + 1
  return { issuer: `http://localhost:${auth}`, resource: `http://localhost:${mcp}/mcp`, ports: { auth, mcp } }
}

/** Asks the server what it is, before anything is offered to anybody. What is no Streamable HTTP may be the older HTTP+SSE. */
async function find(
  { env, terminal, folder, signal }: CommandContext,
  options: ProtectOptions,
  { addresses, state, file }: { addresses: Addresses; state: string; file: string },
): Promise<{ readonly inspected: Inspected; readonly isSse: boolean }> {
  let first: UpstreamError | undefined
  for (const isSse of 'url' in options.target ? [false, true] : [false]) {
    const content: FileOptions = { ...options, isSse, environment: env, folder, home: homedir() }
    writeFileSync(file, gatewayFile(content, { resource: 'http://localhost:3000/mcp' }), { mode: 0o600 })
    const config = readConfig({ ...inherited(env), GATEHOUSE_CONFIG: file, DATA_DIR: state })
    const onLine = (line: string): void => terminal.note(line)
    const { upstreams } = await inspectAll(config, { signal, onLine })
    const found = upstreams[0]?.found
    if (found && !(found instanceof UpstreamError)) return { inspected: found, isSse }
    first ??= found
    if (found?.fault !== 'invalid') break
  }
  throw first ?? new Error(`nothing was asked at ${addresses.resource}`)
}

/** What asking a server needs of the person's environment: the rest is for the services. */
function inherited(env: CommandContext['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ofServices.test(name)))
}
