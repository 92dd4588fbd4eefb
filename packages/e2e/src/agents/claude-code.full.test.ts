// Claude Code itself. It refreshes by its own clock, five minutes before the end: here at every start.
import { expect, test } from 'vitest'
import { claudeCodeByDocument } from '../clients/fixtures/claude-code.ts'
import { openAgent } from './agent.ts'
import { type AgentSiteOptions, startAgentSite } from './site.ts'

const quiet = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' }

interface Case {
  readonly name: string
  readonly options: AgentSiteOptions
  readonly id: string
}

test.each<Case>([
  {
    name: 'claude-code-by-document',
    options: { documents: { 'claude.ai': claudeCodeByDocument } },
    id: 'https://claude.ai/oauth/claude-code-client-metadata',
  },
  {
    name: 'claude-code-by-registration',
    options: { env: { AUTH_METADATA_DOCUMENTS: 'off' } },
    id: expect.not.stringContaining(':') as string,
  },
])('signs in once, and is connected after each refresh: $name', async ({ name, options, id }) => {
  await using site = await startAgentSite(options)
  await using claude = await openAgent(site, name, quiet)
  await claude.run('claude', 'mcp', 'add', '--transport', 'http', 'gatehouse', site.resource)
  expect(await claude.run('claude', 'mcp', 'list')).toContain('Needs authentication')
  await claude.runAtTerminal('claude', 'mcp', 'login', 'gatehouse')
  expect(claude.signIns.map((asked) => asked.get('client_id'))).toEqual([id])
  for (const refreshes of [1, 2, 3]) {
    expect(await claude.run('claude', 'mcp', 'list')).toMatch(/gatehouse: .* Connected/)
    expect(claude.refreshes()).toBeGreaterThanOrEqual(refreshes)
  }
  expect(claude.signIns, 'nobody is asked again').toHaveLength(1)
})
