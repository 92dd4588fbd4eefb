// For tests: the gateway as it is started, by a file, in front of upstreams that run.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { UpstreamSettings } from '../settings.ts'

const questions = { form: true, url: true, roots: true, sampling: true }

/** What starts the server as a gateway to these: it writes the file, with `more` in it. */
export function gatewayEnv(
  upstreams: Readonly<Record<string, UpstreamSettings>>,
  more: object = {},
): Record<string, string> {
  const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-gateway-')), 'gatehouse.json')
  const entries = Object.entries(upstreams).map(([name, settings]) => [name, { ...placeOf(settings), questions }])
  writeFileSync(file, JSON.stringify({ version: 1, upstreams: Object.fromEntries(entries), ...more }))
  return { GATEHOUSE_CONFIG: file, DATA_DIR: mkdtempSync(join(tmpdir(), 'gatehouse-data-')) }
}

function placeOf(settings: UpstreamSettings): object {
  if (settings.transport === 'builtin') return {}
  if (settings.transport === 'stdio') return { command: settings.command }
  return { url: settings.url, transport: settings.transport }
}
