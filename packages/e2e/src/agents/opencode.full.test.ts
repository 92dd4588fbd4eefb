// OpenCode itself. It keeps a token until the server refuses it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openAgent } from './agent.ts'
import { startAgentSite } from './site.ts'

const quiet = {
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_MODELS_FETCH: '1',
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
  OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
}

test('registers, signs in once, and is connected after a refresh', async () => {
  await using site = await startAgentSite()
  await using opencode = await openAgent(site, 'opencode', quiet)
  const mcp = { gatehouse: { type: 'remote', url: site.resource } }
  writeFileSync(join(opencode.home, 'opencode.json'), JSON.stringify({ autoupdate: false, mcp }))
  expect(await opencode.run('opencode', 'mcp', 'auth', 'gatehouse')).toContain('Authentication successful!')
  expect(await opencode.run('opencode', 'mcp', 'list')).toMatch(/✓ gatehouse connected/)
  await site.untilExpired()
  expect(await opencode.run('opencode', 'mcp', 'list')).toMatch(/✓ gatehouse connected/)
  expect(opencode.refreshes()).toBeGreaterThanOrEqual(1)
  expect(opencode.signIns).toHaveLength(1)
})
