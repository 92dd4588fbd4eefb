// Gemini CLI itself, with a key that opens nothing: no model is asked. It refreshes by its own clock, five minutes before
// the end.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningProcess } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { keys } from '../harness/terminal.ts'
import { openAgent } from './agent.ts'
import { startAgentSite } from './site.ts'

const quiet = { GEMINI_API_KEY: 'made-up', GEMINI_FORCE_FILE_STORAGE: 'true' }
const within = 90_000

/** Presses Enter until it counts: one that comes right after text is a new line of it. */
async function enter(prompt: RunningProcess, then: RegExp): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    prompt.type(keys.enter)
    const said = await prompt.says(then, 5_000).catch((error: Error) => error)
    if (!(said instanceof Error)) return
    if (tries === 10) throw said
  }
}

test('registers, signs in once at its prompt, and is connected after each refresh', async () => {
  await using site = await startAgentSite({ accessToken: 600 })
  await using gemini = await openAgent(site, 'gemini-cli', quiet)
  const settings = {
    general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
    privacy: { usageStatisticsEnabled: false },
    telemetry: { enabled: false },
    security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
    mcpServers: { gatehouse: { httpUrl: site.resource } },
  }
  mkdirSync(join(gemini.home, '.gemini'))
  writeFileSync(join(gemini.home, '.gemini', 'settings.json'), JSON.stringify(settings))
  {
    await using prompt = gemini.startAtTerminal('gemini')
    await prompt.says(/1 MCP server/, within)
    prompt.type('/mcp')
    // before it knows its commands it takes them for questions to the model
    await prompt.says(/Manage configured Model Context Protocol/, within)
    prompt.type(' auth gatehouse')
    await enter(prompt, /Do you want to continue\?/)
    await enter(prompt, /Opening your browser/)
    await prompt.says(/Successfully authenticated and reloaded tools/, within)
  }
  expect(await gemini.run('gemini', 'mcp', 'list')).toMatch(/✓ gatehouse: .* Connected/)
  for (const refreshes of [1, 2]) {
    gemini.expire('.gemini/mcp-oauth-tokens.json')
    expect(await gemini.run('gemini', 'mcp', 'list')).toMatch(/✓ gatehouse: .* Connected/)
    expect(gemini.refreshes()).toBe(refreshes)
  }
  expect(gemini.signIns, 'nobody is asked again').toHaveLength(1)
  // it comes back once for each stream that ended with its answer, and would come back for ever if it got a stream again
  const reads = site.exchanges.filter(({ method, path }) => method === 'GET' && path === '/mcp')
  expect(reads.length, JSON.stringify(reads.map(({ status }) => status))).toBeLessThan(20)
})
