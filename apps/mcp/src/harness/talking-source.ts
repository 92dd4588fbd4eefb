// For tests: a source that does all that a source can do in an answer, beside what the demonstration has.
import { inputRequired, ProtocolError, ResourceNotFoundError } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { createBuiltin } from '../sources/builtin/builtin.ts'
import { tools } from '../sources/builtin/tools/index.ts'
import { defineTool, text } from '../sources/builtin/tools/tool.ts'
import type { InputRequired, Source, SourceContext } from '../sources/source.ts'
import { createFixtureSource } from './fixture-source.ts'

/** What calls of it may be named. */
export const talking = {
  tools: [
    'say',
    'say',
    'ask',
    'ask_with_state',
    'ask_nothing',
    'shape',
    'throws',
    'throws_code',
    'announces',
    'late',
    'whoami',
    'multi-greet',
    'personal',
    'greet',
    'greet',
  ],
  prompts: ['greeting-template', 'odd', 'failing', 'asking'],
  uris: ['greeting://default', 'odd://content', 'failing://now', 'asking://now', 'missing://here'],
}

const shapes: readonly unknown[] = [
  { content: [{ type: 'text', text: 'ü€😀\u2028' }], extra: { kept: true } },
  { content: [], structuredContent: [1, 2] },
  { structuredContent: { a: 1 } },
  { content: [{ type: 'unknown', more: 1 }] },
  { content: 'no list' },
  { content: [], isError: true, _meta: { own: 1 } },
  { content: [], _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'mine' } } },
  { content: [], resultType: 'complete', ttlMs: 5, cacheScope: 'public' },
  { content: [], resultType: 'other' },
  {},
  undefined,
  null,
  'text',
]

export function createTalkingSource(): Source {
  const personal = defineTool({
    name: 'personal',
    title: 'Personal',
    description: 'For people alone.',
    scopes: ['mcp:tools:call'],
    peopleOnly: true,
    input: z.strictObject({}),
    run: () => text('ran'),
  })
  const source = createFixtureSource(
    { verifyRequestState: (state) => (state === 'x' ? { known: true } : fail(new Error('made up'))) },
    createBuiltin({ tools: [...tools, personal] }),
  )
  let turn = 0
  const add = (name: string, run: (context: SourceContext, args: Record<string, unknown>) => unknown) =>
    source.addTool({
      name,
      description: `It does ${name}`,
      run: (_input, context) => run(context, {}) as never,
    })
  add('say', async ({ request: { mcpReq } }) => {
    turn += 1
    for (let at = 0; at <= turn % 3; at += 1) {
      await mcpReq.log('info', { at })
      const { progressToken } = mcpReq._meta ?? {}
      if (progressToken !== undefined)
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: at } })
      if (at === 1) await new Promise((resolve) => setImmediate(resolve))
    }
    return text('said')
  })
  const form = {
    mode: 'form',
    message: 'Name?',
    requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
  } as const
  add('ask', () => inputRequired({ inputRequests: { name: inputRequired.elicit(form) } }))
  add('ask_with_state', ({ request: { mcpReq } }) =>
    mcpReq.requestState() === undefined
      ? inputRequired({ requestState: 'x' })
      : text(JSON.stringify([mcpReq.requestState(), mcpReq.inputResponses ?? null])),
  )
  add('ask_nothing', () => ({ resultType: 'input_required' }))
  add('shape', () => {
    turn += 1
    return shapes[turn % shapes.length]
  })
  add('throws', () => fail(new Error('cannot reach db.internal')))
  add('throws_code', () => fail(new ProtocolError(-32_021, 'not a real one', { a: 1 })))
  add('announces', async ({ announce }) => {
    await announce({ method: 'notifications/message', params: { level: 'info', data: 'x' } })
    await announce({ method: 'notifications/tools/list_changed' }).catch(() => undefined)
    return text('announced')
  })
  add('late', ({ request: { mcpReq } }) => {
    setImmediate(() => void mcpReq.log('info', 'too late').catch(() => undefined))
    return text('answered')
  })
  source.addPrompt({ name: 'odd', description: 'odd', run: () => ({ messages: 'none', extra: 1 }) as never })
  source.addPrompt({ name: 'failing', description: 'failing', run: () => fail(new Error('cannot reach db.internal')) })
  source.addPrompt({
    name: 'asking',
    description: 'asking',
    run: () => inputRequired({ inputRequests: { name: inputRequired.elicit(form) } }) as InputRequired,
  })
  const resource = (uri: string, read: () => unknown) =>
    source.addResource({ name: uri, description: uri, mimeType: 'text/plain', uri, read: read as never })
  resource('odd://content', () => ({ contents: [{ uri: 1 }], extra: 1 }))
  resource('failing://now', () => fail(new ProtocolError(-32_002, 'older code', { uri: 'x' })))
  resource('missing://here', () => fail(new ResourceNotFoundError('missing://here')))
  resource('asking://now', () => inputRequired({ requestState: 'x' }))
  return source
}

function fail(error: Error): never {
  throw error
}
