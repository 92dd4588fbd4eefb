// Prompts and resources: what a server offers besides tools.
import { readTextArguments } from '../commands/arguments.ts'
import { usageError } from '../commands/options.ts'
import { promptText, resourceText } from '../mcp/content.ts'
import { promptRow, resourceRow } from '../mcp/summaries.ts'
import { showList } from '../terminal/list.ts'
import type { ReplCommand } from './command.ts'
import { readNameAndJson } from './operands.ts'

export const offerCommands: readonly ReplCommand[] = [
  {
    name: 'list-prompts',
    summary: 'list the prompts',
    async run(live, _rest, stop) {
      const prompts = await live.ask((server) => server.listPrompts(stop), stop)
      return {
        json: { prompts },
        show(terminal) {
          if (prompts.length === 0) terminal.note('The server offers you no prompts.')
          else showList(terminal, prompts.map(promptRow))
        },
      }
    },
  },
  {
    name: 'get-prompt',
    operands: 'NAME [{json}]',
    summary: 'fill a prompt in',
    completes: 'prompts',
    async run(live, rest, stop) {
      const example = 'get-prompt greeting-template {"name":"world"}'
      const [name, json] = readNameAndJson(rest, example)
      const args = readTextArguments(json, example)
      const prompt = await live.ask((server) => server.getPrompt(name, args, stop), stop)
      return { json: prompt, show: (terminal) => terminal.result(promptText(prompt)) }
    },
  },
  {
    name: 'list-resources',
    summary: 'list the resources',
    async run(live, _rest, stop) {
      const resources = await live.ask((server) => server.listResources(stop), stop)
      return {
        json: { resources },
        show(terminal) {
          if (resources.length === 0) terminal.note('The server offers you no resources.')
          else showList(terminal, resources.map(resourceRow))
        },
      }
    },
  },
  {
    name: 'read-resource',
    operands: 'URI',
    summary: 'read a resource',
    completes: 'resources',
    async run(live, rest, stop) {
      if (rest === '') throw usageError('Which one?', 'Give its URI; list-resources shows them.')
      const resource = await live.ask((server) => server.readResource(rest, stop), stop)
      return { json: resource, show: (terminal) => terminal.result(resourceText(resource)) }
    },
  },
]
