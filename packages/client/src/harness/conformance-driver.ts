// The client under test of the MCP project's conformance suite, which starts this file with the server's address and, in
// its environment, what the person was given (an id, a secret). It does what somebody does whose browser approves
// everything: see what the server offers, read it, call every tool. No scenario is treated apart, but for what its name
// alone tells: whether an id with a secret is a machine's. Not part of the library.
import {
  answerFrom,
  type Client,
  type ConnectOptions,
  createClient,
  createMemoryStore,
  type McpConnection,
  type Protocol,
  readClientKey,
} from '../index.ts'

interface Given {
  readonly client_id?: string
  readonly client_secret?: string
  readonly private_key_pem?: string
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: Record<string, unknown> }[]
}

type Tool = Awaited<ReturnType<McpConnection['listTools']>>[number]

const environment = process.env
const given = JSON.parse(environment.MCP_CONFORMANCE_CONTEXT ?? '{}') as Given
const protocol = environment.MCP_CONFORMANCE_PROTOCOL_VERSION as Protocol | undefined
const isMachine = environment.MCP_CONFORMANCE_SCENARIO?.startsWith('auth/client-credentials') ?? false
const nothing = () => {}

const client = createClient({
  url: process.argv.at(-1) ?? '',
  store: createMemoryStore(),
  prompts: { device: nothing, browser: nothing, moreAccess: nothing, trouble: nothing, settled: nothing },
  openUrl: (url) => void fetch(url).then((response) => response.text()),
  clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
  identity: identity(given),
})
const options: ConnectOptions = { protocol, onQuestion: (question) => answerFrom({}, question).answer }

await signingIn(client, async () => {
  await client.withServer(async (server) => {
    const tools = await server.listTools()
    const calls = given.toolCalls ?? tools.map((tool) => ({ name: tool.name, arguments: someArguments(tool, tools) }))
    for (const call of calls) await server.callTool(call.name, call.arguments)
    for (const { uri } of await server.listResources()) await server.readResource(uri)
    for (const { name } of await server.listPrompts()) await server.getPrompt(name, {})
  }, options)
})

function identity({ client_id: clientId, client_secret: clientSecret, private_key_pem: pem }: Given) {
  if (clientId === undefined) return undefined
  return { clientId, clientSecret, privateKey: pem === undefined ? undefined : readClientKey(pem) }
}

/** A sign-in that ends while it is used is made again, as somebody would who reads the error. */
async function signingIn(by: Client, work: () => Promise<void>): Promise<void> {
  const flow = isMachine ? 'machine' : 'browser'
  const once = () => by.signingIn(work, { flow, timeout: 10 })
  await by.signingIn(once, { flow, timeout: 10 })
}

/** Something of the right kind for each argument that a tool needs; where it wants a schema, that of the first tool. */
function someArguments({ inputSchema }: Tool, [first]: readonly Tool[]): Record<string, unknown> {
  const { properties = {}, required = [] } = inputSchema
  const samples: Record<string, unknown> = { number: 5, integer: 5, boolean: true, string: 'text', object: {} }
  return Object.fromEntries(
    required.map((name) => {
      const { type } = (properties[name] ?? {}) as { type?: string }
      return [name, name === 'schema' ? first?.inputSchema : samples[type ?? 'string']]
    }),
  )
}
