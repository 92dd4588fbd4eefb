// For tests: the tools, prompts and resources that the conformance suite asks of a server, as its scenarios describe them.
// They are a source; everything before and around them is ours.

import { setTimeout as sleep } from 'node:timers/promises'
import {
  acceptedContent,
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  completable,
  createRequestStateCodec,
  fromJsonSchema,
  InMemoryServerEventBus,
  inputRequired,
  inputResponse,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import { text } from '../sources/builtin/tools/tool.ts'
import type { InputRequired, Source } from '../sources/source.ts'
import { createFixtureSource } from './fixture-source.ts'

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
const wav = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA='

/** State that goes by way of the client: signed, short-lived, and good for the one who was given it alone. */
const stateCodec = createRequestStateCodec({
  key: crypto.getRandomValues(new Uint8Array(32)),
  bind: ({ http }) => JSON.stringify(http?.authInfo?.extra?.caller, ['subject', 'clientId']),
})

const events = new InMemoryServerEventBus()

const source = createFixtureSource({
  capabilities: {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: false, subscribe: true },
  },
  verifyRequestState: stateCodec.verify,
  events,
  extend: (server) => {
    server.setRequestHandler('resources/subscribe', () => ({}))
    server.setRequestHandler('resources/unsubscribe', () => ({}))
  },
})
addContentTools()
addWorkingTools()
addAskingTools()
addInputRequiredTools()
addSchemaTools()
addResources()
addPrompts()

export const conformanceSource: Source = source

/** What a call of one of them without arguments runs. */
type Run = (context: ServerContext) => CallToolResult | InputRequired | Promise<CallToolResult | InputRequired>

function addTool(name: string, run: Run): void {
  source.addTool({ name, description: `Fixture ${name}`, run: (_input, { request }) => run(request) })
}

function addContentTools(): void {
  const image = { type: 'image', data: png, mimeType: 'image/png' } as const
  addTool('test_simple_text', () => text('This is a simple text response for testing.'))
  addTool('test_image_content', () => ({ content: [image] }))
  addTool('test_audio_content', () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }))
  addTool('test_embedded_resource', () => ({
    content: [
      {
        type: 'resource',
        resource: {
          uri: 'test://embedded-resource',
          mimeType: 'text/plain',
          text: 'This is an embedded resource content.',
        },
      },
    ],
  }))
  addTool('test_multiple_content_types', () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      image,
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
    ],
  }))
  addTool('test_error_handling', () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
}

function addWorkingTools(): void {
  addTool('test_tool_with_logging', async ({ mcpReq }) => {
    await mcpReq.log('info', 'Tool execution started')
    await sleep(50)
    await mcpReq.log('info', 'Tool processing data')
    await sleep(50)
    await mcpReq.log('info', 'Tool execution completed')
    return text('Tool with logging executed successfully')
  })
  addTool('test_logging_tool', async ({ mcpReq }) => {
    await mcpReq.log('info', 'Logged')
    return text('Logged')
  })
  addTool('test_tool_with_progress', async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) {
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
      }
      await sleep(50)
    }
    return text('Progress test completed')
  })
  let changes = 0
  addTool('test_trigger_tool_change', () => {
    changes += 1
    source.addTool({ name: 'test_added', description: `Change ${changes}`, run: () => text('Added') })
    events.publish({ kind: 'tools_list_changed' })
    return text('Changed')
  })
  addTool('test_trigger_prompt_change', () => {
    changes += 1
    const run = () => promptOf({ type: 'text', text: 'Added' })
    source.addPrompt({ name: 'test_added', description: `Change ${changes}`, run })
    events.publish({ kind: 'prompts_list_changed' })
    return text('Changed')
  })
  addTool('test_reconnection', async ({ http }) => {
    http?.closeSSE?.()
    await sleep(100)
    return text('Reconnection test completed')
  })
}

function addAskingTools(): void {
  source.addTool<{ prompt: string }>({
    name: 'test_sampling',
    description: 'Asks for sampling',
    input: z.object({ prompt: z.string() }),
    run: async ({ prompt }, { request: { mcpReq } }) => {
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }]
      const { content } = await mcpReq.requestSampling({ messages, maxTokens: 100 })
      return text(`LLM response: ${'text' in content ? content.text : ''}`)
    },
  })
  source.addTool<{ message: string }>({
    name: 'test_elicitation',
    description: 'Asks the person',
    input: z.object({ message: z.string() }),
    run: async ({ message }, { request: { mcpReq } }) => {
      const { action, content } = await mcpReq.elicitInput({
        message,
        requestedSchema: {
          type: 'object',
          properties: {
            username: { type: 'string', description: "User's response" },
            email: { type: 'string', description: "User's email address" },
          },
          required: ['username', 'email'],
        },
      })
      return text(`User response: action=${action}, content=${JSON.stringify(content)}`)
    },
  })
  addTool('test_elicitation_sep1034_defaults', async ({ mcpReq }) => {
    const { action, content } = await mcpReq.elicitInput({
      message: 'Defaults',
      requestedSchema: {
        type: 'object',
        properties: {
          name: { type: 'string', default: 'John Doe' },
          age: { type: 'integer', default: 30 },
          score: { type: 'number', default: 95.5 },
          status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
          verified: { type: 'boolean', default: true },
        },
      },
    })
    return text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`)
  })
  addTool('test_elicitation_sep1330_enums', async ({ mcpReq }) => {
    const titled = (values: readonly string[], titles: readonly string[]) =>
      values.map((value, i) => ({ const: value, title: titles[i] ?? value }))
    const values = ['value1', 'value2', 'value3']
    const { action, content } = await mcpReq.elicitInput({
      message: 'Enums',
      requestedSchema: {
        type: 'object',
        properties: {
          untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
          titledSingle: {
            type: 'string',
            oneOf: titled(values, ['First Option', 'Second Option', 'Third Option']),
          },
          legacyEnum: {
            type: 'string',
            enum: ['opt1', 'opt2', 'opt3'],
            enumNames: ['Option One', 'Option Two', 'Option Three'],
          },
          untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
          titledMulti: {
            type: 'array',
            items: { anyOf: titled(values, ['First Choice', 'Second Choice', 'Third Choice']) },
          },
        },
      },
    })
    return text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`)
  })
}

const ask = (message: string, property: string) =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [property]: { type: 'string' } }, required: [property] },
  })
const confirm = inputRequired.elicit({
  message: 'Please confirm',
  requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
})
const sample = (question: string, maxTokens: number) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: question } }],
    maxTokens,
  })

/** Tools that need more from the client before they can answer (2026-07-28, multi round-trip requests). */
function addInputRequiredTools(): void {
  const add = addTool
  add('test_input_required_result_elicitation', ({ mcpReq: { inputResponses } }) => {
    const answer = acceptedContent(inputResponses, 'user_name', z.object({ name: z.string() }))
    if (!answer) return inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } })
    return text(`Hello, ${answer.name}!`)
  })
  add('test_input_required_result_sampling', ({ mcpReq: { inputResponses } }) => {
    const answer = inputResponse(inputResponses, 'capital_question')
    if (answer.kind === 'sampling') return text(JSON.stringify(answer.result.content))
    return inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?', 100) } })
  })
  add('test_input_required_result_list_roots', ({ mcpReq: { inputResponses } }) => {
    const answer = inputResponse(inputResponses, 'client_roots')
    if (answer.kind === 'roots') return text(`Roots: ${JSON.stringify(answer.roots)}`)
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
  })
  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state']) {
    add(name, async (context) => {
      const { inputResponses, requestState } = context.mcpReq
      const state = requestState<{ step: string }>()
      if (inputResponses && state?.step === 'confirm') return text('state-ok')
      return inputRequired({
        inputRequests: { confirm },
        requestState: await stateCodec.mint({ step: 'confirm' }, context),
      })
    })
  }
  add('test_input_required_result_multiple_inputs', async (context) => {
    const { inputResponses } = context.mcpReq
    const keys = ['user_name', 'greeting', 'client_roots']
    if (keys.every((key) => inputResponse(inputResponses, key).kind !== 'missing')) return text('All inputs received')
    return inputRequired({
      inputRequests: {
        user_name: ask('What is your name?', 'name'),
        greeting: sample('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await stateCodec.mint({ step: 'all' }, context),
    })
  })
  add('test_input_required_result_multi_round', async (context) => {
    const { inputResponses, requestState } = context.mcpReq
    const state = requestState<{ round: number; name?: string }>()
    const name = acceptedContent(inputResponses, 'step1', z.object({ name: z.string() }))?.name ?? state?.name
    const color = acceptedContent(inputResponses, 'step2', z.object({ color: z.string() }))?.color
    if (name !== undefined && color !== undefined) return text(`${name} likes ${color}`)
    if (name !== undefined) {
      return inputRequired({
        inputRequests: { step2: ask('Step 2: What is your favorite color?', 'color') },
        requestState: await stateCodec.mint({ round: 2, name }, context),
      })
    }
    return inputRequired({
      inputRequests: { step1: ask('Step 1: What is your name?', 'name') },
      requestState: await stateCodec.mint({ round: 1 }, context),
    })
  })
  add('test_input_required_result_capabilities', ({ mcpReq: { envelope } }) => {
    const declared = (envelope as Record<string, object> | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ?? {}
    return inputRequired({
      inputRequests: {
        ...('sampling' in declared && { question: sample('What is the capital of France?', 100) }),
        ...('elicitation' in declared && { user_name: ask('What is your name?', 'name') }),
        ...('roots' in declared && { client_roots: inputRequired.listRoots() }),
      },
    })
  })
  add('test_missing_capability', () => inputRequired({ inputRequests: { question: sample('Anything?', 10) } }))
  add('test_streaming_elicitation', ({ mcpReq: { inputResponses } }) => {
    if (inputResponse(inputResponses, 'user_name').kind !== 'missing') return text('Thank you')
    return inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } })
  })
  source.addPrompt({
    name: 'test_input_required_result_prompt',
    description: 'Fixture test_input_required_result_prompt',
    run: (_args, { request: { mcpReq } }) => {
      const { inputResponses } = mcpReq
      const answer = acceptedContent(inputResponses, 'user_context', z.object({ context: z.string() }))
      if (!answer) {
        const inputRequests = { user_context: ask('What context should the prompt use?', 'context') }
        return inputRequired({ inputRequests })
      }
      return promptOf({ type: 'text', text: `Context: ${answer.context}` })
    },
  })
}

function addSchemaTools(): void {
  const schema = fromJsonSchema({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: {
      address: {
        $anchor: 'addressDef',
        type: 'object',
        properties: { street: { type: 'string' }, city: { type: 'string' } },
      },
    },
    properties: {
      name: { type: 'string' },
      address: { $ref: '#/$defs/address' },
      contactMethod: { type: 'string', enum: ['phone', 'email'] },
      phone: { type: 'string' },
      email: { type: 'string' },
    },
    allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
    if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so
    then: { required: ['phone'] },
    else: { required: ['email'] },
    additionalProperties: false,
  })
  source.addTool({
    name: 'json_schema_2020_12_tool',
    description: 'Tool with JSON Schema 2020-12 features',
    input: schema,
    run: () => text('ok'),
  })
  const region = { type: 'string', 'x-mcp-header': 'Region' } as const
  const headers = fromJsonSchema<{ region: string }>({ type: 'object', properties: { region }, required: ['region'] })
  source.addTool<{ region: string }>({
    name: 'test_custom_headers',
    description: 'Fixture',
    input: headers,
    run: ({ region }) => text(`Region: ${region}`),
  })
}

function addResources(): void {
  const add = (name: string, uri: string, mimeType: string, content: { text: string } | { blob: string }) =>
    source.addResource({
      name,
      uri,
      mimeType,
      description: `Fixture ${name}`,
      read: () => ({ contents: [{ uri, mimeType, ...content }] }),
    })
  add('static-text', 'test://static-text', 'text/plain', { text: 'This is the content of the static text resource.' })
  add('static-binary', 'test://static-binary', 'image/png', { blob: png })
  add('watched', 'test://watched-resource', 'text/plain', { text: 'Watched' })
  source.addResource({
    name: 'template',
    uri: 'test://template/{id}/data',
    isTemplate: true,
    description: 'Fixture template',
    mimeType: 'application/json',
    read: (uri, { id }) => {
      const content = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` })
      return { contents: [{ uri, mimeType: 'application/json', text: content }] }
    },
  })
}

function addPrompts(): void {
  source.addPrompt({
    name: 'test_simple_prompt',
    description: 'Fixture',
    run: () => promptOf({ type: 'text', text: 'This is a simple prompt for testing.' }),
  })
  const cities = ['paris', 'park', 'party']
  source.addPrompt<{ arg1: string; arg2: string }>({
    name: 'test_prompt_with_arguments',
    description: 'Fixture',
    args: z.object({
      arg1: completable(z.string().describe('First test argument'), (value) =>
        cities.filter((city) => city.startsWith(value)),
      ),
      arg2: z.string().describe('Second test argument'),
    }),
    run: ({ arg1, arg2 }) => promptOf({ type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` }),
  })
  source.addPrompt<{ resourceUri: string }>({
    name: 'test_prompt_with_embedded_resource',
    description: 'Fixture',
    args: z.object({ resourceUri: z.string() }),
    run: ({ resourceUri }) =>
      promptOf(
        {
          type: 'resource',
          resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        },
        { type: 'text', text: 'Please process the embedded resource above.' },
      ),
  })
  source.addPrompt({
    name: 'test_prompt_with_image',
    description: 'Fixture',
    run: () =>
      promptOf(
        { type: 'image', data: png, mimeType: 'image/png' },
        { type: 'text', text: 'Please analyze the image above.' },
      ),
  })
}

function promptOf(
  ...contents: readonly (
    | { type: 'text'; text: string }
    | { type: 'image'; data: string; mimeType: string }
    | { type: 'resource'; resource: { uri: string; mimeType: string; text: string } }
  )[]
) {
  return { messages: contents.map((content) => ({ role: 'user' as const, content })) }
}
