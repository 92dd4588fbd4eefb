// The words after `audit`.
import { parseArgs } from 'node:util'
import { ClientError } from '@gatehouse/network'
import type { Choice } from './choose.ts'

export interface AuditOptions extends Choice {
  readonly verify: boolean
  /** Standard input where none is named. */
  readonly files: readonly string[]
  readonly json: boolean
}

const options = {
  person: { type: 'string' },
  tool: { type: 'string' },
  grant: { type: 'string' },
  client: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  refused: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Throws a {@link ClientError}. `now`: milliseconds since the epoch. */
export function parseAudit(args: readonly string[], program: string, now: number): AuditOptions {
  const usage = (message: string): ClientError =>
    new ClientError('usage', message, {
      hint: `Usage: ${program} [FILE…] [--person WHO] [--tool GLOB] [--grant ID] [--client ID] [--refused] [--since TIME] [--until TIME] [--json], or ${program} verify FILE… [--json]`,
    })
  const timeOf = (name: string, text: string | undefined): number | undefined => {
    if (text === undefined) return undefined
    const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
    const time = count === undefined ? Date.parse(text) : now - Number(count) * (units[unit] ?? 0)
    if (Number.isNaN(time)) throw usage(`--${name} needs a time such as 2026-11-27T09:00Z, or 2h for two hours ago.`)
    return time
  }
  const { values, positionals } = parsed(args, usage)
  const verify = positionals[0] === 'verify'
  const files = verify ? positionals.slice(1) : positionals
  const { json = false, refused = false, since, until, ...choice } = values
  const isChosen = refused || since !== undefined || until !== undefined || Object.keys(choice).length > 0
  if (verify && isChosen) throw usage('A chain is verified as a whole: "verify" takes files and --json alone.')
  return {
    ...choice,
    refused,
    since: timeOf('since', since),
    until: timeOf('until', until),
    verify,
    files: files.length > 0 ? files : ['-'],
    json,
  }
}

function parsed(args: readonly string[], usage: (message: string) => ClientError) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw usage((error as Error).message.replaceAll('\n', ' '))
  }
}
