// For tests: rules as they are read from a file.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../config.ts'
import { lockOf, pinOf, textOfLock } from '../pins/lock.ts'
import type { GatewayRules, GatewaySettings } from '../settings.ts'

export const noLimits: GatewaySettings['limits'] = { caller: undefined, client: undefined, tools: [] }

const upstreams =
  '{ ledger: { command: [x] }, docs: { command: [x] }, wiki: { command: [x] }, github: { command: [x], default: allow } }'

const groups = '{ finance: [github-team:acme/finance], board: [github-team:acme/board] }'

/** Each is a line of YAML. The groups are finance and board. At `github` what no rule names is allowed. */
export function rulesOf(...rules: readonly string[]): GatewayRules {
  return pinnedRulesOf(undefined, ...rules)
}

/** `pinned`: annotations by `upstream/tool`. Undefined: pins are off. */
export function pinnedRulesOf(
  pinned: Readonly<Record<string, object>> | undefined,
  ...rules: readonly string[]
): GatewayRules {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-rules-'))
  const GATEHOUSE_CONFIG = join(folder, 'gatehouse.yaml')
  const lines = [
    'version: 1',
    `upstreams: ${upstreams}`,
    `groups: ${groups}`,
    `pins: { mode: ${pinned ? 'enforce' : 'off'} }`,
    'rules:',
    ...rules.map((rule) => `  - ${rule}`),
  ]
  if (pinned) writeFileSync(join(folder, 'gatehouse.lock'), lockWith(pinned))
  writeFileSync(GATEHOUSE_CONFIG, lines.join('\n'))
  const { gateway } = readConfig({ GATEHOUSE_CONFIG, DATA_DIR: folder })
  if (!gateway) throw new Error('there is no gateway')
  return gateway.rules
}

/** The text of a lock with these tools: annotations by `upstream/tool`. */
export function lockWith(pinned: Readonly<Record<string, object>>): string {
  const pins = Object.entries(pinned).map(([tool, annotations]) => {
    const [upstream = '', name = ''] = tool.split('/')
    return pinOf({ upstream, kind: 'tool', name }, { name, inputSchema: { type: 'object' }, annotations })
  })
  return textOfLock(lockOf(pins))
}

export function companyRules(): GatewayRules {
  return rulesOf(
    `{ tools: [ledger/transfer], when: 'caller.kind == "person" && args.amount <= 1000', scopes: [ledger:write] }`,
    '{ tools: [ledger/get_*] }',
    '{ tools: [ledger/*], allow: false }',
    '{ tools: [github/create_*], scopes: [github:write, github:create] }',
    '{ tools: [docs/search] }',
  )
}
