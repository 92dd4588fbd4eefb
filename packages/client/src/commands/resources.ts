import { resourceText } from '../mcp/content.ts'
import { resourceRow } from '../mcp/summaries.ts'
import { showList } from '../terminal/list.ts'
import type { Command } from './command.ts'
import { signInOptions, usageError } from './options.ts'

export const resources: Command = {
  name: 'resources',
  operands: '[read URI]',
  summary: 'list the resources, or read one',
  options: signInOptions,
  async run({ client, signingIn, terminal, operands, timeout, json }) {
    const [action, uri, ...rest] = operands
    if (action !== undefined && (action !== 'read' || uri === undefined || rest.length > 0)) {
      throw usageError('To read a resource, give its URI.', 'For example:', 'resources read URI')
    }
    if (uri !== undefined) {
      const resource = await signingIn(() => client.withServer((server) => server.readResource(uri), { timeout }))
      if (json) terminal.json(resource)
      else terminal.result(resourceText(resource))
      return undefined
    }
    const found = await signingIn(() => client.withServer((server) => server.listResources(), { timeout }))
    if (json) terminal.json({ resources: found })
    else if (found.length === 0) terminal.note('The server offers you no resources.')
    else showList(terminal, found.map(resourceRow))
    return undefined
  },
}
