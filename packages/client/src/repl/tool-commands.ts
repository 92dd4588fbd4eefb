import type { CallToolResult } from '@modelcontextprotocol/client'
import { readArguments } from '../commands/arguments.ts'
import type { Stop } from '../mcp/connection.ts'
import { resultText } from '../mcp/content.ts'
import { toolRow } from '../mcp/summaries.ts'
import { showList } from '../terminal/list.ts'
import { done, type ReplCommand, type Shown } from './command.ts'
import type { LiveServer } from './live-server.ts'
import { readNameAndJson, readNumbers } from './operands.ts'

/** Characters of a result that a terminal gets; a file or a pipe gets all. */
const terminalLimit = 100_000

export const toolCommands: readonly ReplCommand[] = [
  {
    name: 'list-tools',
    summary: 'list the tools you may use',
    async run(live, _rest, stop) {
      const tools = await live.ask((server) => server.listTools(stop), stop)
      return {
        json: { tools },
        show(terminal) {
          if (tools.length === 0) terminal.note('The server offers you no tools.')
          else showList(terminal, tools.map(toolRow))
        },
      }
    },
  },
  {
    name: 'call-tool',
    operands: 'NAME [{json}]',
    summary: 'run a tool',
    completes: 'tools',
    async run(live, rest, stop) {
      const example = 'call-tool greet {"name":"world"}'
      const [name, json] = readNameAndJson(rest, example)
      return await call(live, name, readArguments(json, example), stop)
    },
  },
  {
    name: 'greet',
    operands: '[NAME]',
    summary: 'run the tool "greet"',
    run: (live, rest, stop) => call(live, 'greet', { name: rest || 'world' }, stop),
  },
  {
    name: 'multi-greet',
    operands: '[NAME]',
    summary: 'run the tool "multi-greet", which says more while it works',
    run: (live, rest, stop) => call(live, 'multi-greet', { name: rest || 'world' }, stop),
  },
  {
    name: 'start-notifications',
    operands: '[INTERVAL [COUNT]]',
    summary: 'have the server send notifications, every INTERVAL milliseconds, while you go on',
    async run(live, rest, stop) {
      const [interval, count] = readNumbers(rest, ['the interval in milliseconds', 'the count'])
      const args = { ...(interval !== undefined && { interval }), ...(count !== undefined && { count }) }
      await live.startCall('start-notification-stream', args, stop)
      return done('Notifications come while you go on.', { started: true })
    },
  },
]

/** The result of a tool, wherever it was called from. */
export function shownResult(result: CallToolResult): Shown {
  return {
    json: result,
    failed: result.isError,
    show(terminal) {
      if (result.isError) terminal.failure('The tool reported an error.')
      terminal.result(resultText(result, terminal.resultsOnTerminal ? terminalLimit : undefined))
    },
  }
}

async function call(live: LiveServer, name: string, args: Record<string, unknown>, stop: Stop): Promise<Shown> {
  return shownResult(await live.ask((server) => server.callTool(name, args, stop), stop))
}
