// The two streams: results on standard output, everything else on standard error. Whatever comes from elsewhere is
// cleaned before it is written.
import { styleText } from 'node:util'
import { type ClientError, cleanLine, cleanText, safeJson } from '@gatehouse/network'
import type { Environment } from '@gatehouse/shared'
import { cutTo, widthOf, wrap } from './layout.ts'

/** Standard input, as far as it is needed. */
export type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }

/** What is needed of a stream. `columns` is absent where there is no terminal. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

type Style = Parameters<typeof styleText>[0]

export interface Terminal {
  /** Columns of the terminal that notes go to; 80 without one. */
  readonly columns: number
  /** Whether notes go to a terminal, where a line can be overwritten. */
  readonly interactive: boolean
  /** Whether results go to a terminal. */
  readonly resultsOnTerminal: boolean
  style(format: Style, text: string): string
  /** A result, already cleaned. */
  result(text: string): void
  /** The one JSON document of a command. */
  json(value: unknown): void
  /** One JSON document of several, on a line of its own. */
  jsonLine(value: unknown): void
  /** Words for the person, wrapped to the terminal. */
  note(text: string): void
  /** Lines that were laid out for the terminal, already cleaned. */
  lines(lines: readonly string[]): void
  /** Something that was done. */
  success(text: string): void
  warning(text: string): void
  failure(text: string): void
  /** The one line that is overwritten; without a terminal nothing is written. */
  status(text: string): void
  clearStatus(): void
}

export interface TerminalOptions {
  readonly stdout: Output
  readonly stderr: Output
  /** `NO_COLOR` and `TERM` say whether colours are wanted where there is a terminal. */
  readonly env: Environment
}

export function createTerminal({ stdout, stderr, env }: TerminalOptions): Terminal {
  const interactive = stderr.isTTY === true
  const color = !env.NO_COLOR && env.TERM !== 'dumb'
  const columns = Math.max(20, stderr.columns || 80)
  const style = (format: Style, text: string) =>
    color && interactive ? styleText(format, text, { validateStream: false }) : text
  let statusShown = false

  function clearStatus(): void {
    if (statusShown) stderr.write('\r\u001b[2K')
    statusShown = false
  }

  function lines(all: readonly string[]): void {
    clearStatus()
    stderr.write(`${all.join('\n')}\n`)
  }

  const marked = (format: Style, mark: string, text: string) => {
    const [first = '', ...rest] = wrap(cleanText(text, 2000), columns - 2)
    lines([`${style(format, mark)} ${first}`, ...rest.map((line) => `  ${line}`)])
  }

  return {
    columns,
    interactive,
    resultsOnTerminal: stdout.isTTY === true,
    style,
    lines,
    clearStatus,
    result(text) {
      clearStatus()
      stdout.write(`${text}\n`)
    },
    json: (value) => void stdout.write(`${safeJson(value, 2)}\n`),
    jsonLine: (value) => void stdout.write(`${safeJson(value)}\n`),
    note: (text) => lines(wrap(cleanText(text, 2000), columns)),
    success: (text) => marked('green', '✓', text),
    warning: (text) => marked('yellow', '!', text),
    failure: (text) => marked('red', '✗', text),
    status(text) {
      if (!interactive) return
      stderr.write(`\r\u001b[2K${cutTo(text, columns - 1)}`)
      statusShown = true
    },
  }
}

/** How commands are called here: `npm run client --` or `gatehouse`, with what has to be repeated (`--url …`). */
export type CommandLine = (command: string) => string

/** An error in three parts: what happened, why, what to do. */
export function showError(terminal: Terminal, error: ClientError, commandLine: CommandLine): void {
  const { columns, style } = terminal
  const indented = (text: string) => wrap(cleanText(text, 600), columns - 2).map((line) => `  ${line}`)
  const { hint = '', command } = error
  const advice = command === undefined ? hint : `${hint}  ${commandLine(command)}`
  const [first = '', ...rest] = wrap(cleanLine(error.message, 300), columns - 2)
  terminal.lines([
    `${style('red', '✗')} ${style('bold', first)}`,
    ...rest.map((line) => `  ${line}`),
    ...(error.reason ? indented(error.reason) : []),
    ...(command !== undefined && widthOf(advice) > columns - 2
      ? [...indented(hint), `  ${commandLine(command)}`] // whole, to be copied
      : indented(advice).filter(() => advice !== '')),
  ])
}

/** The same for scripts: `error` in the JSON document, beside the exit code. */
export function errorDocument(error: ClientError, commandLine: CommandLine) {
  const { code, message, reason, hint, command, exitCode } = error
  return {
    error: {
      code,
      message,
      reason,
      hint: hint && command ? `${hint} ${commandLine(command)}` : hint,
      exit_code: exitCode,
    },
  }
}
