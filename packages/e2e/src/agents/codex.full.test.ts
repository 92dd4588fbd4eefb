// Codex CLI itself. It refreshes by its own clock, half a minute before the end, and names its scope when it does.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { codexByDocument } from '../clients/fixtures/terminals.ts'
import { type Agent, openAgent } from './agent.ts'
import { type AgentSite, type AgentSiteOptions, startAgentSite } from './site.ts'

const configuration = `
mcp_oauth_credentials_store = "file"
check_for_update_on_startup = false
[analytics]
enabled = false
`

interface Case {
  readonly name: string
  readonly option: 'cimd' | 'dcr'
  readonly documents: NonNullable<AgentSiteOptions['documents']>
  readonly id: string
}

async function openCodex(site: AgentSite, name: string): Promise<Agent> {
  const agent = await openAgent(site, name, {})
  mkdirSync(join(agent.home, '.codex'))
  writeFileSync(join(agent.home, '.codex', 'config.toml'), configuration)
  return agent
}

/** Has `greet` called by the server of its other programs, without a model; all that it says. */
async function greet({ transcript }: AgentSite, codex: Agent): Promise<string> {
  await using server = codex.start('codex', 'app-server')
  let id = 0
  const ask = async (method: string, params: object): Promise<string> => {
    id += 1
    server.type(`${JSON.stringify({ id, method, params })}\n`)
    const [answer] = await server.says(new RegExp(`^\\{(?=.*"id":${id}[,}]).*"(result|error)":.*\\}$`, 'm'), 60_000)
    transcript.add(`${method}: ${answer.slice(0, 1_000)}`)
    return answer
  }
  const clientInfo = { name: 'gatehouse-test', title: 'A test', version: '1.0.0' }
  await ask('initialize', { clientInfo, capabilities: { experimentalApi: true } })
  server.type(`${JSON.stringify({ method: 'initialized' })}\n`)
  const [, threadId] = /"thread":\{"id":"([^"]+)"/.exec(await ask('thread/start', { cwd: codex.home })) ?? []
  const call = { threadId, server: 'gatehouse', tool: 'greet', arguments: { name: 'Codex' } }
  return await ask('mcpServer/tool/call', call)
}

test.each<Case>([
  {
    name: 'codex-by-document',
    option: 'cimd',
    documents: { 'chatgpt.com': codexByDocument },
    id: 'https://chatgpt.com/oauth/codex/client.json',
  },
  { name: 'codex-by-registration', option: 'dcr', documents: {}, id: expect.not.stringContaining(':') as string },
])('signs in once, and calls a tool after each refresh: $name', async ({ name, option, documents, id }) => {
  await using site = await startAgentSite({ documents, accessToken: 600 })
  await using codex = await openCodex(site, name)
  const added = ['gatehouse', '--url', site.resource, '--oauth-client-registration', option]
  // signs in at once where it finds that it has to
  expect(await codex.run('codex', 'mcp', 'add', ...added)).toContain('Successfully logged in')
  expect(codex.signIns.map((asked) => asked.get('client_id'))).toEqual([id])
  expect(await greet(site, codex)).toContain('Hello, Codex!')
  for (const refreshes of [1, 2, 3]) {
    codex.expire('.codex/.credentials.json')
    expect(await greet(site, codex)).toContain('Hello, Codex!')
    expect(codex.refreshes()).toBe(refreshes)
  }
  expect(codex.signIns, 'nobody is asked again').toHaveLength(1)
})
