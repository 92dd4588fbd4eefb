import { cutTo, pad, widthOf } from '../terminal/layout.ts'
import { cleanLine } from '../text.ts'
import type { Command } from './command.ts'
import { signInOptions } from './options.ts'

export const tools: Command = {
  name: 'tools',
  summary: 'list the tools you may use',
  options: signInOptions,
  async run({ client, ensureSignedIn, terminal, timeout, json }) {
    await ensureSignedIn()
    const found = await client.withServer((server) => server.listTools(), { timeout })
    if (json) terminal.json({ tools: found })
    else if (found.length === 0) terminal.note('The server offers you no tools.')
    else {
      const rows = found.map(({ name, title, description }) => [
        cleanLine(name, 80),
        cleanLine(description ?? title ?? ''),
      ])
      const left = Math.max(...rows.map(([name = '']) => widthOf(name))) + 2
      for (const [name = '', about = ''] of rows) {
        const row = `${pad(name, left)}${about}`.trimEnd()
        terminal.result(terminal.resultsOnTerminal ? cutTo(row, terminal.columns) : row)
      }
    }
    return undefined
  },
}
