import { exits } from '../errors.ts'
import { resultText } from '../mcp/content.ts'
import type { Notice } from '../mcp/notice.ts'
import { cleanLine } from '../text.ts'
import { readArguments } from './arguments.ts'
import type { Command } from './command.ts'
import { signInOptions, usageError } from './options.ts'

/** Characters of a result that a terminal gets; a file or a pipe gets all. */
const TERMINAL_LIMIT = 100_000

export const call: Command = {
  name: 'call',
  operands: "NAME ['{json}']",
  summary: 'run a tool and print its result',
  details: [
    'The arguments are one JSON object, {} if there are none. Text of the result goes to standard output, without anything a terminal would act on; what the tool says while it runs goes to standard error. With --json the whole result is printed as the server gave it.',
  ],
  options: signInOptions,
  async run({ client, ensureSignedIn, terminal, operands, timeout, json }) {
    const [name, text = '{}', ...rest] = operands
    if (name === undefined || rest.length > 0) {
      throw usageError('Give the name of a tool and one JSON object.', 'For example:', `call greet '{"name":"world"}'`)
    }
    const args = readArguments(text, `call greet '{"name":"world"}'`)
    await ensureSignedIn()
    const onNotice = ({ text }: Notice) => terminal.note(`· ${cleanLine(text)}`)
    const result = await client.withServer((server) => server.callTool(name, args), { timeout, onNotice })
    if (json) terminal.json(result)
    else {
      const limit = terminal.resultsOnTerminal ? TERMINAL_LIMIT : undefined
      const shown = resultText(result, limit)
      if (result.isError) terminal.failure('The tool reported an error.')
      terminal.result(shown)
      if (shown.length === limit) terminal.note('The result is longer than this: use --json, or send it to a file.')
    }
    return result.isError ? exits.toolFailed.code : undefined
  },
}
