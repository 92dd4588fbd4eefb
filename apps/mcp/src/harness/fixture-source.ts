// For tests: a source whose tools, prompts and resources are registered one by one, and get the request as the SDK has it.
import {
  type CallToolResult,
  type CompleteRequest,
  type CompleteResult,
  type GetPromptResult,
  isCompletable,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  type StandardSchemaWithJSON,
  UriTemplate,
} from '@modelcontextprotocol/server'
import type { z } from 'zod'
import type { InputRequired, Source, SourceContext } from '../sources/source.ts'

type Schema = StandardSchemaWithJSON
type Answer<Result> = Result | InputRequired | Promise<Result | InputRequired>
type Run<Input, Result> = (input: Input, context: SourceContext) => Answer<Result>

interface Fixture<Input, Result> {
  readonly name: string
  readonly description: string
  readonly input?: Schema
  readonly run: Run<Input, Result>
}

interface FixtureResource {
  readonly name: string
  readonly description: string
  readonly mimeType: string
  /** An address, or a template of one. */
  readonly uri: string
  readonly isTemplate?: boolean
  read(uri: string, variables: Readonly<Record<string, unknown>>): ReadResourceResult
}

export interface FixtureSource extends Source {
  addTool<Input>(tool: Fixture<Input, CallToolResult>): void
  addPrompt<Input>(prompt: Fixture<Input, GetPromptResult> & { readonly args?: z.ZodObject }): void
  addResource(resource: FixtureResource): void
}

/** Anybody who may call may call all of its tools. `base`: what is asked for tools that are not among them, and the rest. */
export function createFixtureSource(beyond: Partial<Source> = {}, base?: Source): FixtureSource {
  const tools = new Map<string, Fixture<unknown, CallToolResult>>()
  const prompts = new Map<string, Fixture<unknown, GetPromptResult> & { readonly args?: z.ZodObject }>()
  const resources: FixtureResource[] = []
  const listed = (isTemplate: boolean) => resources.filter((resource) => (resource.isTemplate ?? false) === isTemplate)

  return {
    ...beyond,
    addTool: (tool) => void tools.set(tool.name, tool as Fixture<unknown, CallToolResult>),
    addPrompt: (prompt) => void prompts.set(prompt.name, prompt as Fixture<unknown, GetPromptResult>),
    addResource: (resource) => void resources.push(resource),

    listTools: async () => [
      ...((await base?.listTools()) ?? []),
      ...[...tools.values()].map(({ name, description, input }) => ({
        definition: { name, description, inputSchema: jsonSchemaOf(input) },
        terms: { scopes: ['mcp:tools:call'] as [string] },
      })),
    ],

    async callTool(name, args, context) {
      const tool = tools.get(name)
      if (!tool) return (base as Source).callTool(name, args, context)
      const judged = await tool.input?.['~standard'].validate(args)
      if (judged?.issues) return { content: [{ type: 'text', text: 'Invalid arguments' }], isError: true }
      return tool.run(judged?.value, context)
    },

    listPrompts: async () => [
      ...((await base?.listPrompts()) ?? []),
      ...[...prompts.values()].map(({ name, description, args }) => ({
        name,
        description,
        arguments: Object.keys(args?.shape ?? {}).map((argument) => ({ name: argument, required: true })),
      })),
    ],

    async getPrompt(name, args, context) {
      const prompt = prompts.get(name)
      return prompt ? prompt.run(args, context) : (base as Source).getPrompt(name, args, context)
    },

    listResources: async () => [
      ...((await base?.listResources()) ?? []),
      ...listed(false).map(({ read: _read, isTemplate: _, ...resource }) => resource),
    ],
    listResourceTemplates: async () =>
      listed(true).map(({ read: _read, isTemplate: _, uri, ...resource }) => ({ ...resource, uriTemplate: uri })),

    async readResource(uri, context) {
      for (const resource of listed(false)) if (resource.uri === uri) return resource.read(uri, {})
      for (const resource of listed(true)) {
        const variables = new UriTemplate(resource.uri).match(uri)
        if (variables) return resource.read(uri, variables)
      }
      return base?.readResource(uri, context)
    },

    extend(server) {
      server.registerCapabilities({ completions: {} })
      server.setRequestHandler('completion/complete', ({ params }) => complete(params))
      beyond.extend?.(server)
    },
  }

  async function complete({ ref, argument }: CompleteRequest['params']): Promise<CompleteResult> {
    const prompt = ref.type === 'ref/prompt' ? prompts.get(ref.name) : undefined
    if (ref.type === 'ref/prompt' && !prompt) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'No such prompt')
    const field = prompt?.args?.shape[argument.name] as Parameters<typeof isCompletable>[0] | undefined
    const values = isCompletable(field) ? await completerOf(field)(argument.value) : []
    return { completion: { values, total: values.length, hasMore: false } }
  }
}

function completerOf(field: object): (value: string) => string[] | Promise<string[]> {
  const meta = (field as Record<symbol, { complete: (value: string) => string[] }>)[Symbol.for('mcp.completable')]
  return meta?.complete ?? (() => [])
}

function jsonSchemaOf(schema: Schema | undefined) {
  const json = schema?.['~standard'].jsonSchema.input({ target: 'draft-2020-12' }) ?? { properties: {} }
  return { ...json, type: 'object' as const }
}
