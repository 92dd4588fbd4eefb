import { cleanLine } from '@gatehouse/network'
import { cutTo, pad, widthOf } from './layout.ts'
import type { Terminal } from './terminal.ts'

export interface ListRow {
  readonly name: string
  readonly about: string | undefined
}

/** A name and what it is about on each line, as results; cut to the terminal's width where there is one. */
export function showList(terminal: Terminal, rows: readonly ListRow[]): void {
  const clean = rows.map(({ name, about = '' }) => [cleanLine(name, 120), cleanLine(about)] as const)
  const left = Math.max(...clean.map(([name]) => widthOf(name))) + 2
  for (const [name, about] of clean) {
    const row = `${pad(name, left)}${about}`.trimEnd()
    terminal.result(terminal.resultsOnTerminal ? cutTo(row, terminal.columns) : row)
  }
}
