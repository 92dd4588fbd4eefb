// The commands of the repl, in the order of its help. A new one is an entry in a file beside this.
import { table } from '../terminal/layout.ts'
import { done, type ReplCommand } from './command.ts'
import { connectionCommands } from './connection-commands.ts'
import { offerCommands } from './offer-commands.ts'
import { toolCommands } from './tool-commands.ts'

export const replCommands: readonly ReplCommand[] = [
  ...connectionCommands,
  ...toolCommands,
  ...offerCommands,
  {
    name: 'wait',
    summary: 'wait until the notifications that were started have ended',
    async run(live, _rest, { signal }) {
      const stopped = Promise.withResolvers<never>()
      signal?.addEventListener('abort', () => stopped.reject(signal.reason))
      await Promise.race([live.settle(), stopped.promise])
      return done('Nothing is under way.')
    },
  },
  {
    name: 'help',
    summary: 'show the commands',
    async run() {
      const commands = replCommands.map(({ name, operands = '', summary }) => ({ name, operands, summary }))
      const rows = commands.map((one) => [`${one.name} ${one.operands}`.trim(), one.summary])
      return { json: { commands }, show: (terminal) => terminal.result(table(rows, terminal.columns).join('\n')) }
    },
  },
  { name: 'quit', summary: 'end the session and leave', run: async () => done('') },
]
