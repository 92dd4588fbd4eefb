import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditEvent } from '@gatehouse/shared'
import { afterAll, expect, test } from 'vitest'
import type { CommandContext } from '../command.ts'
import { audit } from './audit.ts'
import { parseAudit } from './options.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-audit-'))
afterAll(() => rmSync(folder, { recursive: true }))

const at = (minute: number) => `2026-11-27T09:${String(minute).padStart(2, '0')}:00.000Z`
const line = (minute: number, service: 'auth' | 'mcp', event: AuditEvent) =>
  JSON.stringify({ audit: 1, time: at(minute), service, ...event })

const [ada, grace] = ['github:1', 'github:2']
const ofAuth = [
  line(0, 'auth', { event: 'sign_in', outcome: 'ok', flow: 'f1', subject: ada, name: 'ada', client: 'c1' }),
  line(1, 'auth', {
    event: 'device_approved',
    outcome: 'ok',
    flow: 'f1',
    grant: 'grant-of-ada',
    subject: ada,
    client: 'c1',
    clientName: 'Terminal',
  }),
  line(2, 'auth', {
    event: 'sign_in_refused',
    outcome: 'refused',
    decision: 'deny',
    flow: 'f2',
    subject: grace,
    name: 'grace',
  }),
  '{"level":30,"msg":"a line of the log"}',
  'auth-1  | {"audit":1,"time":"cut off',
]
const ofMcp = [
  line(4, 'mcp', {
    event: 'mcp_request',
    outcome: 'ok',
    method: 'tools/call',
    tool: 'ledger__get',
    subject: ada,
    client: 'c1',
    grant: 'grant-of-ada',
    ms: 7,
  }),
  `mcp-1  | ${line(3, 'mcp', { event: 'mcp_request', outcome: 'refused', decision: 'deny', reason: 'insufficient_scope', method: 'tools/call', tool: 'ledger__transfer', subject: ada, client: 'c1', grant: 'grant-of-ada' })}`,
  line(5, 'mcp', {
    event: 'mcp_request',
    outcome: 'error',
    method: 'prompts/get',
    prompt: '\u001b[31mred',
    subject: 'robot',
    client: 'robot',
  }),
]
writeFileSync(join(folder, 'auth.jsonl'), `${ofAuth.join('\n')}\n`)
writeFileSync(join(folder, 'mcp.jsonl'), `${ofMcp.join('\n')}\n`)

async function run(...args: readonly string[]) {
  const [results, documents, notes]: [string[], unknown[], string[]] = [[], [], []]
  const note = (text: string) => notes.push(text)
  const code = await audit({
    args,
    env: {},
    terminal: {
      result: (text: string) => results.push(text),
      json: (value: unknown) => documents.push(value),
      jsonLine: (value: unknown) => documents.push(value),
      note,
      warning: note,
      failure: note,
      success: note,
      resultsOnTerminal: false,
      columns: 80,
    },
    signal: new AbortController().signal,
    folder,
    programs: { protect: 'gatehouse protect', client: 'gatehouse' },
  } as unknown as CommandContext)
  return { code, results, documents, notes }
}
const minutes = async (...args: readonly string[]) =>
  (await run('auth.jsonl', 'mcp.jsonl', '--json', ...args)).documents.map((each) =>
    Number((each as { time: string }).time.slice(14, 16)),
  )

test('lines of several files are one table by time, with names that other lines know; what is no line is left out', async () => {
  const { code, results, notes } = await run('auth.jsonl', 'mcp.jsonl')
  expect(code).toBe(0)
  expect(results).toEqual([
    'TIME                     WHO    CLIENT    WHAT              RESULT                       MS  GRANT',
    '2026-11-27 09:00:00.000  ada    Terminal  sign_in           ok',
    '2026-11-27 09:01:00.000  ada    Terminal  device_approved   ok                               grant-of',
    '2026-11-27 09:02:00.000  grace  -         sign_in_refused   refused',
    '2026-11-27 09:03:00.000  ada    Terminal  ledger__transfer  refused, insufficient_scope      grant-of',
    '2026-11-27 09:04:00.000  ada    Terminal  ledger__get       ok                           7   grant-of',
    '2026-11-27 09:05:00.000  robot  robot     red               error',
  ])
  expect(notes).toEqual(['6 of 6 lines.', 'Lines that cannot be read: 1. They are cut off, or of a newer release.'])
})

test.each([
  [
    ['--person', 'ada'],
    [0, 1, 3, 4],
  ],
  [['--person', 'GitHub:2'], [2]],
  [
    ['--tool', 'ledger__*'],
    [3, 4],
  ],
  [['--tool', '*transfer'], [3]],
  [
    ['--grant', 'grant-of'],
    [0, 1, 3, 4],
  ],
  [
    ['--client', 'Terminal'],
    [0, 1, 3, 4],
  ],
  [['--client', 'robot'], [5]],
  [['--refused'], [2, 3]],
  [['--refused', '--person', 'ada'], [3]],
  [
    ['--since', at(4)],
    [4, 5],
  ],
  [
    ['--since', at(1), '--until', '2026-11-27T09:02Z'],
    [1, 2],
  ],
  [['--person', 'nobody'], []],
])('%j', async (args, expected) => {
  expect(await minutes(...args)).toEqual(expected)
})

test('a time is a date, or so long ago', () => {
  const now = Date.parse(at(30))
  const sinceOf = (text: string) => parseAudit(['--since', text], 'gatehouse audit', now).since
  for (const text of ['90s', at(28).replace(':00.000', ':30'), '2026-11-27T10:28:30+01:00'])
    expect(sinceOf(text), text).toBe(now - 90_000)
  expect([sinceOf('20m'), sinceOf('3h'), sinceOf('2d')].map((time) => now - (time ?? 0))).toEqual([
    1_200_000, 10_800_000, 172_800_000,
  ])
})

test('what it was not called rightly with is an error that says how', async () => {
  for (const args of [['--nobody'], ['--since', 'yesterday'], ['verify', 'mcp.jsonl', '--refused'], ['nowhere.jsonl']])
    await expect(run(...args), args.join(' ')).rejects.toMatchObject({ code: 'usage' })
})

test('a chain that is broken ends with 1, and says where', async () => {
  const { code, notes } = await run('verify', 'mcp.jsonl')
  expect([code, notes[0]]).toEqual([1, 'line 1: has no member chain'])
})
