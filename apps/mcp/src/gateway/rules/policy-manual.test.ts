// The policies of the manual: each is read as a file, and each row of its table is asked.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRules } from '../../gateway-config.ts'
import { lockWith } from '../harness/rules.ts'
import { type Decision, judge, type Thing } from './rules.ts'

interface Row {
  readonly who: string
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  readonly thing: Thing
  readonly args: unknown
  readonly endpoint: string | undefined
  readonly expected: string
}

const manual = readFileSync(new URL('../../../../../docs/policy.md', import.meta.url), 'utf8')
const policies = manual
  .split(/^### /m)
  .slice(1)
  .map((section) => {
    const [, file = ''] = /^```yaml\n(.*?)^```/ms.exec(section) ?? []
    const rows = [...section.matchAll(/^\| (`.+?) \| (.+) \| (.+?) \|$/gm)]
    const pinned = [...section.matchAll(/^\| `(.+?)` \| `(\{.*\})` \|$/gm)]
    const lock = Object.fromEntries(pinned.map(([, tool = '', annotations = '']) => [tool, JSON.parse(annotations)]))
    return { title: section.split('\n', 1)[0] ?? '', file, lock, rows: rows.map(([, ...cells]) => readRow(cells)) }
  })

function readRow([who = '', calls = '', expected = '']: readonly string[]): Row {
  const [, subject = '', groups, scopes = ''] = /^`([^`]+)`(?: in `([^`]+)`)?(?: with `([^`]+)`)?$/.exec(who) ?? []
  const [, kind, upstream = '', name = '', args = '{}', endpoint] =
    /^(prompt |resource )?`([a-z]+)\/([^`]+)`(?: `(\{[^`]*\})`)?(?: at `([^`]+)`)?$/.exec(calls) ?? []
  if (!subject || !name) throw new Error(`a row of the manual cannot be read: ${who}, ${calls}`)
  const kinds = { 'prompt ': 'prompts', 'resource ': 'resources' } as const
  const thing = { kind: kind ? kinds[kind as keyof typeof kinds] : ('tools' as const), upstream, name }
  return {
    who: subject,
    groups: groups?.split(' ') ?? [],
    scopes: scopes.split(' '),
    thing,
    args: JSON.parse(args),
    endpoint,
    expected,
  }
}

const inWords = (decision: Decision): string => {
  if (decision.kind !== 'scopes') return decision.kind === 'allowed' ? 'allowed' : 'not found'
  return `403: ${decision.scopes.slice(1).map((scope) => `\`${scope}\``)}`
}

test('there are as many policies as the manual says', () => {
  expect(manual).toContain('## Thirteen policies')
  expect(manual).toContain('has thirteen policies to begin with')
  expect(policies).toHaveLength(13)
})

test.each(policies)('$title', ({ file, lock, rows }) => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-policy-'))
  writeFileSync(join(folder, 'gatehouse.lock'), lockWith(lock))
  const path = join(folder, 'gatehouse.yaml')
  writeFileSync(path, file)
  const faults: string[] = []
  const settings = readRules(path, 'http://localhost:3000/mcp', faults)
  if (!settings) throw new Error(faults.join('\n'))
  expect(rows.length).toBeGreaterThan(1)
  // the table names no group that the file does not have: a wrong name would be refused for that alone
  for (const { groups } of rows) for (const group of groups) expect(file).toMatch(new RegExp(`^  ${group}: \\[`, 'm'))
  for (const { who, groups, scopes, thing, args, endpoint = settings.endpoints[0]?.resource ?? '', expected } of rows) {
    const isMachine = !who.includes(':')
    const caller = {
      subject: who,
      clientId: isMachine ? who : 'an app',
      groups,
      scopes: new Set(['mcp:tools:read', 'mcp:tools:call', ...scopes]),
    }
    const { decision } = judge(settings.rules, { thing, caller, endpoint, args })
    expect(inWords(decision), `${who} ${thing.upstream}/${thing.name} ${JSON.stringify(args)}`).toBe(expected)
  }
})
