// The demonstration: a greeting in every form that the protocol has. A tool, a prompt or a resource is one file, and one
// line in the list of its kind; their shapes are zod's, and JSON Schema from here on.
import {
  type CallToolResult,
  type Tool as ListedTool,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { Source, SourceContext } from '../source.ts'
import { prompts as ourPrompts } from './prompts/index.ts'
import type { Prompt } from './prompts/prompt.ts'
import { resources as ourResources } from './resources/index.ts'
import type { Resource } from './resources/resource.ts'
import { tools as ourTools } from './tools/index.ts'
import { type Notify, type Tool, text } from './tools/tool.ts'

export interface BuiltinParts {
  readonly tools?: readonly Tool[]
  readonly prompts?: readonly Prompt[]
  readonly resources?: readonly Resource[]
}

/** By default all that the lists of this folder have. */
export function createBuiltin({
  tools = ourTools,
  prompts = ourPrompts,
  resources = ourResources,
}: BuiltinParts = {}): Source {
  const listedTools = tools.map((tool) => {
    const { name, title, description, input } = tool
    return { definition: { name, title, description, inputSchema: schemaOf(input) }, terms: tool }
  })
  const listedPrompts = prompts.map(({ name, title, description, args }) => ({
    name,
    title,
    description,
    arguments: argumentsOf(args),
  }))

  return {
    listTools: async () => listedTools,

    async callTool(name, args, context) {
      const tool = named(tools, name)
      const { data: input, error } = await tool.input.safeParseAsync(args)
      if (error) return failed(`Invalid arguments for tool ${name}: ${inOneLine(error)}`)
      const { caller, signal } = context
      return tool.run({ input, caller, signal, notify: createNotify(context) })
    },

    listPrompts: async () => listedPrompts,

    async getPrompt(name, args) {
      const prompt = named(prompts, name)
      const { data, error } = await prompt.args.safeParseAsync(args)
      if (!error) return prompt.render(data)
      const message = `Invalid arguments for prompt ${name}: ${inOneLine(error)}`
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, message)
    },

    listResources: async () => resources.map(({ read: _read, ...listed }) => listed),
    listResourceTemplates: async () => [],

    async readResource(uri) {
      const resource = resources.find((one) => one.uri === uri)
      return resource && { contents: [{ uri, mimeType: resource.mimeType, text: await resource.read() }] }
    },
  }
}

function named<Part extends { readonly name: string }>(parts: readonly Part[], name: string): Part {
  const part = parts.find((one) => one.name === name)
  if (!part) throw new Error(`there is no ${name}`)
  return part
}

function schemaOf(schema: z.ZodObject): ListedTool['inputSchema'] {
  return z.toJSONSchema(schema, { io: 'input' }) as ListedTool['inputSchema']
}

function argumentsOf(schema: z.ZodObject) {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' })
  return Object.entries(properties).map(([name, property]) => ({
    name,
    ...(typeof property === 'object' && { description: property.description }),
    required: required.includes(name),
  }))
}

function inOneLine({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join(', ')
}

function failed(message: string): CallToolResult {
  return { ...text(message), isError: true }
}

function createNotify({ request: { mcpReq } }: SourceContext): Notify {
  const progressToken = mcpReq._meta?.progressToken
  return {
    message: (data) => mcpReq.log('info', data),
    async progress(progress, total, message) {
      if (progressToken === undefined) return
      const params = { progressToken, progress, total, ...(message !== undefined && { message }) }
      await mcpReq.notify({ method: 'notifications/progress', params })
    },
  }
}
