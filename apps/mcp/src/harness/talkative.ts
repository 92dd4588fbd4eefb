// For tests: a source with two tools more, one that asks the person and one that tells the session something.

import { text } from '../sources/builtin/tools/tool.ts'
import type { Source } from '../sources/source.ts'
import { createFixtureSource } from './fixture-source.ts'

/** `onAsk` is called for each question. */
export function createTalkative(base: Source, onAsk = (): void => undefined): Source {
  const source = createFixtureSource({}, base)
  source.addTool({
    name: 'ask',
    description: 'Asks.',
    run: async (_input, { request: { mcpReq } }) => {
      onAsk()
      const { content } = await mcpReq.elicitInput({
        message: 'Your name?',
        requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      })
      return text(`You are ${content?.name}`)
    },
  })
  source.addTool({
    name: 'announce',
    description: 'Tells the session.',
    run: async (_input, { announce }) => {
      await announce({ method: 'notifications/resources/list_changed' })
      return text('told')
    },
  })
  return source
}
