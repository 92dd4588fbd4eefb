// The repl: lines in, commands run one after the other, what the server says in between shown as it comes.

import { ClientError, cleanLine, exits } from '@gatehouse/network'
import type { CallToolResult } from '@modelcontextprotocol/client'
import type { Access } from '../commands/command.ts'
import type { Protocol } from '../mcp/connection.ts'
import type { Notice } from '../mcp/notice.ts'
import type { Notify } from '../session/private-files.ts'
import {
  type CommandLine,
  errorDocument,
  type Input,
  type Output,
  showError,
  type Terminal,
} from '../terminal/terminal.ts'
import type { Shown } from './command.ts'
import { complete } from './completion.ts'
import { openHistory } from './history.ts'
import { replCommands } from './index.ts'
import { createLineReader } from './line-reader.ts'
import { createLiveServer } from './live-server.ts'
import { shownResult } from './tool-commands.ts'

export interface ReplOptions {
  readonly url: URL
  readonly accessTo: (url: string | URL) => Access
  readonly protocol: Protocol | undefined
  /** Seconds to wait for a person who signs in. */
  readonly timeout: number | undefined
  readonly input: Input
  /** Where a line is typed, if a person does. */
  readonly output: Output
  readonly terminal: Terminal
  /** One JSON document a line on standard output: for each command, each notification. */
  readonly json: boolean
  /** The folder of the history. */
  readonly home: string
  readonly notify: Notify
  /** How commands outside the repl are called. */
  readonly commandLine: CommandLine
  /** Whatever was thrown, as an error to show. */
  readonly explain: (thrown: unknown) => ClientError
  readonly signal: AbortSignal
}

/** What the hints of shared code name, and what that is called here. */
const ownNames: Readonly<Record<string, string>> = {
  tools: 'list-tools',
  prompts: 'list-prompts',
  resources: 'list-resources',
}

/** Runs until the input ends or says quit. For a script the exit code is that of the first command that failed. */
export async function runRepl(options: ReplOptions): Promise<number> {
  const { input, output, terminal, json, signal, explain } = options
  const interactive = input.isTTY === true && terminal.interactive && !json
  const history = interactive ? await openHistory(options.home, options.notify) : undefined
  let running: AbortController | undefined
  let exitCode: number = exits.ok.code

  const reader = createLineReader({
    input,
    output,
    interactive,
    prompt: 'gatehouse> ',
    history: history?.lines ?? [],
    onHistory: (lines) => history?.save(lines),
    complete: (line) => complete(line, replCommands, live.names),
    onInterrupt: () => running?.abort(),
    signal,
  })
  const live = createLiveServer({
    ...options,
    onNotice(notice) {
      reader.above(() => showNotice(notice))
    },
    onNewSession() {
      if (!json) reader.above(() => terminal.warning('The server has ended the session; here is another one.'))
    },
    onResult(name, outcome) {
      const show = (print: () => void) => reader.above(print)
      outcome.then(
        (result: CallToolResult) => show(() => showResult(name, shownResult(result))),
        (error: unknown) => show(() => fail(name, error)),
      )
    },
  })

  function showNotice({ method, params, text }: Notice): void {
    if (json) terminal.jsonLine({ notification: { method, params } })
    else terminal.note(`· ${cleanLine(text)}`)
  }

  function showResult(command: string, shown: Shown): void {
    if (shown.failed) failed(exits.toolFailed.code)
    if (json) terminal.jsonLine({ command, result: shown.json })
    else shown.show(terminal)
  }

  function fail(command: string, thrown: unknown): void {
    const error = explain(thrown)
    failed(error.exitCode)
    const commandLine: CommandLine = (line) => ownNames[line] ?? (isOwn(line) ? line : options.commandLine(line))
    if (json) terminal.jsonLine({ command, ...errorDocument(error, commandLine) })
    else showError(terminal, error, commandLine)
  }

  function failed(code: number): void {
    if (!interactive && exitCode === exits.ok.code) exitCode = code
  }

  async function runLine(line: string): Promise<void> {
    const [, name = '', rest = ''] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line) ?? []
    running = new AbortController()
    try {
      const command = replCommands.find((one) => one.name === name)
      if (!command) throw unknownCommand(name)
      showResult(name, await command.run(live, rest, { signal: running.signal }))
    } catch (thrown) {
      if (!signal.aborted) fail(cleanLine(name, 60), running.signal.aborted ? stopped() : thrown)
    } finally {
      running = undefined
    }
  }

  if (interactive) terminal.note('Type help for the commands, quit to leave.')
  try {
    await runLine('connect')
    let line = await reader.next()
    while (line !== undefined && line.trim() !== 'quit') {
      if (!interactive && !json) terminal.lines([`> ${cleanLine(line)}`])
      if (line.trim() && !line.trim().startsWith('#')) await runLine(line)
      line = await reader.next()
    }
    if (line === undefined && interactive) output.write('\n')
    if (line === undefined && !interactive) await Promise.race([live.settle(), aborted(signal)]) // what was begun ends
  } finally {
    reader.close()
    await Promise.all([live.close(), history?.saved()])
  }
  signal.throwIfAborted()
  return exitCode
}

function isOwn(line: string): boolean {
  return replCommands.some(({ name }) => line.split(' ')[0] === name)
}

function unknownCommand(name: string): ClientError {
  return new ClientError('usage', `There is no command "${cleanLine(name, 60)}".`, { hint: 'See what there is: help' })
}

function stopped(): ClientError {
  return new ClientError('interrupted', 'Stopped.')
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
}
