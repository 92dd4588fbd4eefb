import { join } from 'node:path'
import { type Notify, readPrivateFile, writePrivateFile } from '../session/private-files.ts'

/** How many lines are kept. */
const MOST_LINES = 500

export interface History {
  /** Newest first, as node:readline wants it. */
  readonly lines: string[]
  /** Keeps what readline has now. Lines that begin with a blank are not kept, as in a shell. */
  save(lines: readonly string[]): Promise<void>
}

/** What was typed in earlier sessions, in a file for its owner alone: arguments of tools may be private. */
export async function openHistory(home: string, notify: Notify): Promise<History> {
  const file = join(home, 'repl-history')
  const text = await readPrivateFile(file, notify).catch(() => {
    notify(`${file} could not be read and is ignored.`)
    return ''
  })
  return {
    lines: (text ?? '').split('\n').filter(Boolean).slice(0, MOST_LINES),
    async save(lines) {
      const kept = lines.filter((line) => line.trim() && !line.startsWith(' ')).slice(0, MOST_LINES)
      await writePrivateFile(file, kept.map((line) => `${line}\n`).join(''))
    },
  }
}
