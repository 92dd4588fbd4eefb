import { toolRow } from '../mcp/summaries.ts'
import { showList } from '../terminal/list.ts'
import type { Command } from './command.ts'
import { signInOptions } from './options.ts'

export const tools: Command = {
  name: 'tools',
  summary: 'list the tools you may use',
  options: signInOptions,
  async run({ client, signingIn, terminal, timeout, json }) {
    const found = await signingIn(() => client.withServer((server) => server.listTools(), { timeout }))
    if (json) terminal.json({ tools: found })
    else if (found.length === 0) terminal.note('The server offers you no tools.')
    else showList(terminal, found.map(toolRow))
    return undefined
  },
}
