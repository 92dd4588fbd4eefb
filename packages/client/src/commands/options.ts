import { parseArgs } from 'node:util'
import { ClientError } from '@gatehouse/network'
import type { Command, Options, Summary, Values } from './command.ts'

/** Options of every command. */
export const commonOptions: Options = {
  url: { type: 'string', value: 'URL', help: 'address of the MCP server (default http://localhost:3000/mcp)' },
  json: { type: 'boolean', help: 'print one JSON document on standard output, errors too' },
  'allow-private-addresses': { type: 'boolean', help: 'let a public server send this app into private networks' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
}

/** Which client a sign-in belongs to. */
export const identityOptions: Options = {
  'client-id': {
    type: 'string',
    value: 'ID',
    help: 'use this client id instead of registering (also GATEHOUSE_CLIENT_ID)',
  },
}

/** Options of the commands that can sign in. */
export const signInOptions: Options = {
  device: { type: 'boolean', help: 'sign in with a code on any device (the default)' },
  browser: { type: 'boolean', help: 'sign in through a browser on this computer' },
  machine: {
    type: 'boolean',
    help: 'sign in with GATEHOUSE_CLIENT_ID and GATEHOUSE_CLIENT_SECRET (or …_SECRET_FILE, …_KEY_FILE)',
  },
  scope: { type: 'string', value: 'SCOPES', help: 'ask for these scopes, space-separated' },
  ...identityOptions,
  timeout: { type: 'string', value: 'SECONDS', help: 'how long to wait for the person who signs in' },
  'no-qr': { type: 'boolean', help: 'draw no QR code' },
}

export interface Parsed {
  readonly command: Command | undefined
  readonly operands: readonly string[]
  readonly values: Values
}

/** Splits a command line. Options may stand before or after the command; those of another command are refused. */
export function parseCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  others: readonly Summary[] = [],
): Parsed {
  const all = Object.assign({ version: { type: 'boolean' } }, commonOptions, ...commands.map(({ options }) => options))
  const { values, positionals } = parse(args, all)
  const [name, ...operands] = positionals
  const command = commands.find((one) => one.name === name)
  if (name !== undefined && !command) {
    throw usageError(
      `There is no command "${name}".`,
      `The commands are ${[...commands, ...others].map((one) => one.name).join(', ')}.`,
    )
  }
  const foreign = Object.keys(values).find((key) => command && !(key in command.options) && !(key in commonOptions))
  if (command && foreign !== undefined && foreign !== 'version') {
    throw usageError(`"${command.name}" has no option --${foreign}.`, 'See its options:', `${command.name} --help`)
  }
  return { command, operands, values }
}

export function usageError(message: string, hint: string, command?: string): ClientError {
  return new ClientError('usage', message, { hint, command })
}

/** The value of `--timeout`: whole seconds, at least one. */
export function readTimeout(value: unknown): number | undefined {
  if (value === undefined) return undefined
  const seconds = Number(value)
  if (Number.isInteger(seconds) && seconds > 0) return seconds
  throw usageError(`"${value}" is not a number of seconds.`, 'Give whole seconds: --timeout 300')
}

function parse(args: readonly string[], options: Options): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true }) as {
      values: Values
      positionals: string[]
    }
  } catch (error) {
    throw usageError((error as Error).message.split('. ')[0] ?? '', 'See what there is:', '--help')
  }
}
