// `audit`: who did what, out of files that the services wrote, or out of standard input; and whether a chain of lines holds.
import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { ClientError, cleanLine } from '@gatehouse/network'
import { verifyChain } from '@gatehouse/service/audit'
import type { AuditLine } from '@gatehouse/shared'
import type { CommandContext } from '../command.ts'
import { choose } from './choose.ts'
import { type AuditOptions, parseAudit } from './options.ts'
import { readLine } from './read-line.ts'
import { tableOf } from './table.ts'

/** Returns 0; 1 where a chain is broken. */
export async function audit(context: CommandContext): Promise<number> {
  const { args, programs, terminal } = context
  const options = parseAudit(args, `${programs.client} audit`, Date.now())
  return options.verify ? verify(options, context) : show(options, { ...context, terminal })
}

async function show(options: AuditOptions, context: CommandContext): Promise<number> {
  const { terminal } = context
  const all: AuditLine[] = []
  let unread = 0
  for await (const text of linesOf(options.files, context)) {
    const line = readLine(text)
    if (line === 'unreadable') unread += 1
    else if (line) all.push(line)
  }
  const chosen = choose(all, options)
  if (options.json) for (const line of chosen) terminal.jsonLine(line)
  else
    for (const row of tableOf(chosen, terminal.resultsOnTerminal ? terminal.columns : undefined)) terminal.result(row)
  if (!options.json) terminal.note(`${chosen.length} of ${all.length} lines.`)
  if (unread > 0) terminal.warning(`Lines that cannot be read: ${unread}. They are cut off, or of a newer release.`)
  return 0
}

async function verify(options: AuditOptions, context: CommandContext): Promise<number> {
  const { terminal } = context
  const { lines, writers, faults, notes, last } = await verifyChain(linesOf(options.files, context))
  const isWhole = faults.length === 0 && lines > 0
  if (options.json) {
    terminal.json({ ok: isWhole, lines, writers, faults, notes, last })
    return isWhole ? 0 : 1
  }
  for (const { line, fault } of faults) terminal.failure(`line ${line}: ${cleanLine(fault)}`)
  for (const note of notes) terminal.warning(cleanLine(note))
  if (lines === 0) terminal.failure('There is no line.')
  if (isWhole) terminal.success(`${lines} lines by ${writers} processes hold together. The last one is ${last}.`)
  return isWhole ? 0 : 1
}

/** Of files one after the other; `-` is standard input. */
async function* linesOf(files: readonly string[], { folder, signal }: CommandContext): AsyncGenerator<string> {
  for (const file of files) {
    const input = file === '-' ? process.stdin : createReadStream(resolve(folder, file))
    try {
      yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, signal })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined || code === 'ABORT_ERR') throw error
      throw new ClientError('usage', `${file} cannot be read (${code}).`, { cause: error })
    }
  }
}
