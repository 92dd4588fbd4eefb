import { promptText } from '../mcp/content.ts'
import { promptRow } from '../mcp/summaries.ts'
import { showList } from '../terminal/list.ts'
import { readTextArguments } from './arguments.ts'
import type { Command } from './command.ts'
import { signInOptions, usageError } from './options.ts'

export const prompts: Command = {
  name: 'prompts',
  operands: '[get NAME …]',
  summary: 'list the prompts, or fill one in',
  details: [
    `"prompts get NAME '{json}'" fills one in: the arguments are one JSON object of texts. Each message of the prompt is printed after its role.`,
  ],
  options: signInOptions,
  async run({ client, signingIn, terminal, operands, timeout, json }) {
    const [action, name, text = '{}', ...rest] = operands
    if (action !== undefined && (action !== 'get' || name === undefined || rest.length > 0)) {
      throw usageError('To fill a prompt in, give its name.', 'For example:', `prompts get NAME '{"name":"world"}'`)
    }
    const args = readTextArguments(text, `prompts get NAME '{"name":"world"}'`)
    if (name !== undefined) {
      const prompt = await signingIn(() => client.withServer((server) => server.getPrompt(name, args), { timeout }))
      if (json) terminal.json(prompt)
      else terminal.result(promptText(prompt))
      return undefined
    }
    const found = await signingIn(() => client.withServer((server) => server.listPrompts(), { timeout }))
    if (json) terminal.json({ prompts: found })
    else if (found.length === 0) terminal.note('The server offers you no prompts.')
    else showList(terminal, found.map(promptRow))
    return undefined
  },
}
