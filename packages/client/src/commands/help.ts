import { exits } from '@gatehouse/network'
import { table, wrap } from '../terminal/layout.ts'
import type { Command, Options, Summary } from './command.ts'
import { commonOptions } from './options.ts'

export interface HelpOptions {
  /** How the program is called here. */
  readonly program: string
  readonly columns: number
}

/** `gatehouse --help`. */
export function generalHelp(commands: readonly Summary[], { program, columns }: HelpOptions): string {
  return [
    'Signs in to an MCP server where there is no browser, and uses its tools.',
    '',
    `Usage: ${program} COMMAND [OPTIONS]`,
    '',
    'Commands',
    ...table(
      commands.map(({ name, operands, summary }) => [operands ? `${name} ${operands}` : name, summary]),
      columns,
    ),
    '',
    'Options of every command',
    ...table([...optionRows(commonOptions), ['--version', 'show the version']], columns),
    '',
    ...wrap(
      `"${program} COMMAND --help" shows the rest. Sign-ins are kept in GATEHOUSE_HOME, by default your folder for settings.`,
      columns,
    ),
    '',
    'Exit codes',
    ...table(
      Object.values(exits).map(({ code, meaning }) => [String(code), meaning]),
      columns,
    ),
  ].join('\n')
}

/** `gatehouse COMMAND --help`. */
export function commandHelp(command: Command, { program, columns }: HelpOptions): string {
  const { name, operands, summary, details = [], options } = command
  return [
    `Usage: ${[program, name, operands, '[OPTIONS]'].filter(Boolean).join(' ')}`,
    '',
    ...wrap(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`, columns),
    ...details.flatMap((paragraph) => ['', ...wrap(paragraph, columns)]),
    '',
    'Options',
    ...table([...optionRows(options), ...optionRows(commonOptions)], columns),
  ].join('\n')
}

function optionRows(options: Options): string[][] {
  return Object.entries(options).map(([name, { short, value, help }]) => [
    `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`,
    help,
  ])
}
