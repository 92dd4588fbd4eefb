import { join } from 'node:path'
import { type Notify, readPrivateFile, writePrivateFile } from '../session/private-files.ts'

/** How many lines are kept. */
const mostLines = 500

export interface History {
  /** Newest first, as node:readline wants it. */
  readonly lines: string[]
  /** Keeps what readline has now. Lines that begin with a blank are not kept, as in a shell. Never throws. */
  save(lines: readonly string[]): void
  /** Resolves when everything is saved, as far as it can be. */
  saved(): Promise<void>
}

/** What was typed in earlier sessions, in a file for its owner alone: arguments of tools may be private. */
export async function openHistory(home: string, notify: Notify): Promise<History> {
  const file = join(home, 'repl-history')
  const text = await readPrivateFile(file, notify).catch(() => {
    notify(`${file} could not be read and is ignored.`)
    return ''
  })
  let saving = Promise.resolve()
  return {
    lines: (text ?? '').split('\n').filter(Boolean).slice(0, mostLines),
    save(lines) {
      const kept = lines.filter((line) => line.trim() && !line.startsWith(' ')).slice(0, mostLines)
      const write = () => writePrivateFile(file, kept.map((line) => `${line}\n`).join(''))
      saving = saving.then(write).catch(() => {}) // typing goes on without it
    },
    saved: () => saving,
  }
}
