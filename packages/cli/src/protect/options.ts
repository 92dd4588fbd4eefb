// The words after `protect`.
import { ClientError } from '@gatehouse/network'

export type Target = { readonly url: string } | { readonly command: readonly [string, ...string[]] }

export interface ProtectOptions {
  readonly target: Target
  /** Variables of the person's environment that the command gets. */
  readonly env: readonly string[]
  /** The file to write. */
  readonly save: string | undefined
  /** The public origin: one listener for both services. */
  readonly publicOrigin: string | undefined
  readonly port: number | undefined
}

/** What stands for a file that was not named. */
export const defaultFile = 'gatehouse.yaml'

/** Throws a {@link ClientError}. `program`: how the command is called here. */
export function parseProtect(args: readonly string[], program: string): ProtectOptions {
  const usage = (message: string): ClientError =>
    new ClientError('usage', message, { hint: `Usage: ${program} URL, or ${program} -- COMMAND ARGUMENTS…` })
  const end = args.indexOf('--')
  const command = end === -1 ? [] : args.slice(end + 1)
  const left = end === -1 ? [...args] : args.slice(0, end)
  const env: string[] = []
  let [url, save, publicOrigin, port]: (string | undefined)[] = []
  const valueOf = (name: string, given: string | undefined): string => {
    const value = given ?? left.shift()
    if (!value || value.startsWith('--')) throw usage(`${name} needs a value.`)
    return value
  }
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const [name = '', ...given] = word.startsWith('--') ? word.split('=') : [word]
    const value = given.length > 0 ? given.join('=') : undefined
    if (name === '--save') save = value ?? (/\.(ya?ml|json)$/.test(left[0] ?? '') ? left.shift() : defaultFile)
    else if (name === '--public') publicOrigin = valueOf(name, value)
    else if (name === '--port') port = valueOf(name, value)
    else if (name === '--env') env.push(valueOf(name, value))
    else if (name.startsWith('-')) throw usage(`There is no option ${name}: it has --env, --port, --public and --save.`)
    else if (url === undefined) url = word
    else throw usage(`"${word}" is one word too many. A command stands after "--".`)
  }
  if ((url === undefined) === (command.length === 0)) {
    throw usage(url === undefined ? 'Protect what? Name a URL or a command.' : 'Name a URL or a command, not both.')
  }
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw usage(`"${url}" is no http or https URL. A command stands after "--".`)
  }
  if (env.length > 0 && url !== undefined)
    throw usage('--env is for commands: a server at a URL has its own environment.')
  return {
    target: url === undefined ? { command: command as [string, ...string[]] } : { url },
    env,
    save,
    publicOrigin: publicOrigin === undefined ? undefined : originOf(publicOrigin, usage),
    port: port === undefined ? undefined : portOf(port, usage),
  }
}

function originOf(text: string, usage: (message: string) => ClientError): string {
  const url = URL.parse(text)
  const isOrigin = url !== null && url.origin === text.replace(/\/$/, '') && url.protocol === 'https:'
  if (!isOrigin) throw usage(`--public needs an https origin, such as https://mcp.example.com, and not "${text}".`)
  return url.origin
}

function portOf(text: string, usage: (message: string) => ClientError): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_534)
    throw usage(`--port needs a number from 1 to 65534, and not "${text}".`)
  return port
}
