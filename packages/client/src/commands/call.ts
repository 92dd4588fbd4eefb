import { cleanLine, exits } from '@gatehouse/network'
import { resultText } from '../mcp/content.ts'
import { answerFrom, type OnQuestion } from '../mcp/elicitation.ts'
import type { Notice } from '../mcp/notice.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { readArguments } from './arguments.ts'
import type { Command } from './command.ts'
import { signInOptions, usageError } from './options.ts'

/** Characters of a result that a terminal gets; a file or a pipe gets all. */
const terminalLimit = 100_000

export const call: Command = {
  name: 'call',
  operands: "NAME ['{json}']",
  summary: 'run a tool and print its result',
  details: [
    'A tool may ask for something while it works: for a confirmation, for a value. --answer has it, as one JSON object by the names of the fields; what is not there is filled in where the tool names a default. Without --answer the server is told that nobody can be asked.',
    'The arguments are one JSON object, {} if there are none. Text of the result goes to standard output, without anything a terminal would act on; what the tool says while it runs goes to standard error. With --json the whole result is printed as the server gave it.',
  ],
  options: {
    answer: { type: 'string', value: 'JSON', help: 'what to answer when the tool asks for something' },
    ...signInOptions,
  },
  async run({ client, signingIn, terminal, values, operands, timeout, json }) {
    const [name, text = '{}', ...rest] = operands
    if (name === undefined || rest.length > 0) {
      throw usageError('Give the name of a tool and one JSON object.', 'For example:', `call greet '{"name":"world"}'`)
    }
    const args = readArguments(text, `call greet '{"name":"world"}'`)
    const onQuestion = values.answer === undefined ? undefined : answering(String(values.answer), terminal)
    const onNotice = ({ text }: Notice) => terminal.note(`· ${cleanLine(text)}`)
    const options = { timeout, onNotice, onQuestion }
    const result = await signingIn(() => client.withServer((server) => server.callTool(name, args), options))
    if (json) terminal.json(result)
    else {
      const limit = terminal.resultsOnTerminal ? terminalLimit : undefined
      const shown = resultText(result, limit)
      if (result.isError) terminal.failure('The tool reported an error.')
      terminal.result(shown)
      if (shown.length === limit) terminal.note('The result is longer than this: use --json, or send it to a file.')
    }
    return result.isError ? exits.toolFailed.code : undefined
  },
}

/** Answers from the command line, and tells what was asked. */
function answering(text: string, terminal: Terminal): OnQuestion {
  const answers = readArguments(text, `call remove '{"id":1}' --answer '{"confirm":true}'`)
  return (question) => {
    terminal.note(`? ${cleanLine(question.message)}`)
    const { answer, missing } = answerFrom(answers, question)
    if (missing.length > 0) {
      terminal.warning(`Declined: --answer has nothing for ${missing.map((name) => cleanLine(name, 40)).join(', ')}.`)
    }
    return answer
  }
}
