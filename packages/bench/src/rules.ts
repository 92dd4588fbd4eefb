import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judge, readRules } from '@gatehouse/mcp/inspect'
import type { Measurement } from './measurement.ts'
import { inRounds } from './rounds.ts'
import { compare, type Sample } from './statistics.ts'

const counts = [10, 100, 1_000]
const decisions = 2_000
const roundCounts = { warmUp: 3, rounds: 10 }

const endpoint = 'http://localhost:3000/mcp'
const caller = { subject: 'github:1', clientId: 'app', scopes: new Set(['mcp:tools:call', 'ledger:write']) }
const args = { amount: 1_000, to: 'somebody', note: 'for the month' }

/** The last one decides. Where there is a condition, half of the others name the tool and have it: it never holds. */
function rulesOf(count: number, condition: string): readonly string[] {
  const others = Array.from({ length: count - 1 }, (_, index) =>
    condition !== '' && index % 2 === 0
      ? `  - { tools: [ledger/trans*], when: '${condition.replace('N', String(index))}' }`
      : `  - { tools: [ledger/get_${index}, docs/set_${index}_*], scopes: [ledger:write] }`,
  )
  return [...others, `  - { tools: [ledger/transfer], when: 'args.amount <= 1000', scopes: [ledger:write] }`]
}

const kinds = {
  'of other tools': '',
  'by number': 'args.amount > 1000.0 + N.0',
  'by pattern': 'args.to.matches("^nobody-N-[a-z]+$")',
}

/** What it costs to decide on a call. */
export const rules: Measurement = {
  about: 'what a decision of the gateway costs with 10, 100 and 1,000 rules, the last of which decides',
  async run(say) {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-rules-'))
    try {
      const subjects = counts.flatMap((count) =>
        Object.entries(kinds).map(([kind, condition]) => {
          const file = join(folder, `${count}-${kind}.yaml`)
          const upstreams = 'upstreams: { ledger: { command: [x] }, docs: { command: [x] } }'
          writeFileSync(file, ['version: 1', upstreams, 'rules:', ...rulesOf(count, condition)].join('\n'))
          const faults: string[] = []
          const settings = readRules(file, endpoint, faults)
          if (!settings) throw new Error(faults.join('\n'))
          const thing = { kind: 'tools', upstream: 'ledger', name: 'transfer' } as const
          const decide = () => judge(settings.rules, { thing, caller, endpoint, args }).decision.kind
          return [`${count} rules, ${kind}`, async () => measure(decide)] as const
        }),
      )
      say(`deciding, ${roundCounts.warmUp + roundCounts.rounds} rounds of ${decisions}`)
      return compare(await inRounds(Object.fromEntries(subjects), roundCounts), subjects[0]?.[0] ?? '')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function measure(decide: () => string): Sample {
  const began = performance.now()
  for (let count = 0; count < decisions; count += 1)
    if (decide() !== 'allowed') throw new Error('the rules decide otherwise than expected')
  const each = ((performance.now() - began) * 1_000) / decisions
  return { 'µs a decision': each, 'decisions a second': 1_000_000 / each }
}
