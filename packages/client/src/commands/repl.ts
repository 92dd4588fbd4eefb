import { runRepl } from '../repl/repl.ts'
import type { Command } from './command.ts'
import { signInOptions, usageError } from './options.ts'

const protocols = ['2025-11-25', '2026-07-28'] as const

export const repl: Command = {
  name: 'repl',
  summary: 'connect, and type commands; "help" there lists them',
  details: [
    'Commands may also come from a file or a pipe, one a line; then the exit code is that of the first one that failed. With --json each line of standard output is one document, for a command or for a notification.',
    'Without --protocol: 2025-11-25 where the server opens a session for it, so that there is something to resume, else the newest protocol that both speak.',
    'What you type is kept in GATEHOUSE_HOME for next time; a line that begins with a blank is not.',
  ],
  options: {
    protocol: { type: 'string', value: 'VERSION', help: `${protocols.join(' or ')}` },
    ...signInOptions,
  },
  async run({ client, values, operands, ...context }) {
    if (operands.length > 0) throw usageError('The server is given with --url.', 'For example:', 'repl')
    const protocol = protocols.find((one) => one === values.protocol)
    if (values.protocol !== undefined && protocol === undefined) {
      throw usageError(`There is no protocol "${values.protocol}".`, `Choose ${protocols.join(' or ')}.`)
    }
    return await runRepl({ ...context, url: client.url, protocol })
  },
}
