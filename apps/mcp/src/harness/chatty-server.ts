// For tests: the MCP server as a process, with a tool that says as much as it is asked to. Run by harness/process.ts.

import { openStore } from '@gatehouse/mcp-sessions'
import { z } from 'zod'
import { createApp } from '../app.ts'
import { readConfig } from '../config.ts'
import { createBuiltin } from '../sources/builtin/builtin.ts'
import { defineTool, text } from '../sources/builtin/tools/tool.ts'

/** Says `count` lines of `size` characters, as fast as they go, and answers with one of `answer` characters. */
export const chatter = defineTool({
  name: 'chatter',
  title: 'Chatter',
  description: 'Says much.',
  scopes: ['mcp:tools:call'],
  isLong: true,
  input: z.strictObject({ count: z.int(), size: z.int(), answer: z.int().default(1) }),
  run: async ({ input: { count, size, answer }, notify }) => {
    for (let said = 1; said <= count; said += 1) {
      await notify.message('x'.repeat(size))
      await new Promise((resolve) => setImmediate(resolve))
    }
    return text('x'.repeat(answer))
  },
})

if (process.argv[1] === import.meta.filename) {
  const config = readConfig(process.env)
  const store = openStore(config.store, () => undefined)
  const app = createApp({ config, store, source: createBuiltin({ tools: [chatter] }) })
  await app.listen({ host: 'localhost', port: config.port })
  app.log.info('MCP server started')
}
