// Five people in three groups and two machines in front of three real servers, over the wire and on two replicas: every cell of who
// may list and call what; who did what, afterwards; and that no secret is where it does not belong.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditLine, auditLine } from '@gatehouse/shared'
import { repository, startProcess, until } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { findLeaks, recordAnswers, spellingsOf } from '../harness/leaks.ts'
import { createPlanting } from '../harness/planting.ts'
import { terminal } from '../replicas/cluster.ts'
import { post, register } from '../replicas/wire.ts'
import { type Caller, everybody, misplaceTokens, say, signIn } from './callers.ts'
import { cellsOfCalls, outcomeIn, replicas, requestFor, thingsOf } from './cells.ts'
import { callers, type Grade, grades, isListed, matches, outcomeOf, rows } from './expected.ts'
import { type Company, commands, startCompany } from './scene.ts'
import { belongs, misplacedBelongs, placesOf, plantAll } from './secrets.ts'

const planting = createPlanting()
const answers = recordAnswers()
const canary = `canary-${crypto.randomUUID()}`
let company: Company
let misplaced: readonly string[] = []
let people: ReadonlyMap<string, Caller>

beforeAll(async () => {
  company = await startCompany()
  people = await everybody(company, planting)
}, 180_000)
afterAll(async () => {
  answers[Symbol.dispose]()
  await company?.[Symbol.asyncDispose]()
})

const lists = [
  { method: 'tools/list', kind: 'tool', member: 'tools', by: 'name' },
  { method: 'prompts/list', kind: 'prompt', member: 'prompts', by: 'name' },
  { method: 'resources/list', kind: 'resource', member: 'resources', by: 'uri' },
  { method: 'resources/templates/list', kind: 'template', member: 'resourceTemplates', by: 'uriTemplate' },
] as const

/** How many things the servers were asked to do. */
function asked(): number {
  const does = /"method":"(tools\/call|prompts\/get|resources\/read)"/
  const overHttp = company.toLedger.exchanges.filter(({ sent }) => does.test(sent.body))
  return overHttp.length + commands.flatMap((name) => company.sentTo(name).filter((line) => does.test(line))).length
}

const tokenOf = (caller: string, grade: Grade): string => people.get(caller)?.tokens[grade] ?? ''

test('each list, of each caller with each token at each replica, has what may be called and nothing else', async () => {
  const cells: string[] = []
  const wrong: string[] = []
  for (const replica of replicas)
    for (const caller of callers)
      for (const grade of grades)
        for (const { method, kind, member, by } of lists) {
          const { message } = await say(company, tokenOf(caller, grade), { method, params: {}, replica })
          const listed: readonly string[] = message.result[member].map((one: Record<string, string>) => one[by])
          const ours = thingsOf(company).filter((thing) => thing.kind === kind && !thing.name.endsWith('/travel'))
          const unknown = listed.filter((name) => !ours.some(({ shown }) => shown === name))
          expect(unknown, `${caller}: ${method}`).toEqual([])
          for (const thing of ours) {
            const cell = `${caller} (${grade}) at ${replica}: ${kind} ${thing.name}`
            cells.push(cell)
            const expected = isListed(
              rows.filter((row) => matches(row, thing)),
              caller,
              grade,
            )
            if (listed.includes(thing.shown) !== expected) wrong.push(`${cell} is ${expected ? 'not ' : ''}listed`)
          }
        }
  process.stdout.write(`\nlisted or not: ${cells.length} cells, ${wrong.length} wrong\n`)
  expect(wrong).toEqual([])
  expect(new Set(cells).size).toBe(cells.length)
})

test('each call, of each caller with each token at each replica, has the outcome of the table, and no other reaches a server', async () => {
  const counts: Record<string, number> = {}
  const wrong: string[] = []
  const atFirst = asked()
  let allowed = 0
  for (const { row, thing, caller, grade, replica } of cellsOfCalls(company)) {
    company.restore()
    const content = company.content()
    const answer = await say(company, tokenOf(caller, grade), { ...requestFor(thing, row.args), replica })
    const expected = outcomeOf(row, caller, grade)
    const outcome = outcomeIn(answer)
    const isDone = expected === 'allowed'
    allowed += Number(isDone)
    const cell = `${caller} (${grade}) at ${replica}: ${thing.kind} ${thing.name} ${JSON.stringify(row.args)}`
    if (JSON.stringify(outcome) !== JSON.stringify(expected)) wrong.push(`${cell}: ${JSON.stringify(outcome)}`)
    // what is written down of a message may be a moment late: one too many is seen at a later cell
    if (isDone)
      await until(() => asked() - atFirst >= allowed, 10_000, 1).catch(() => wrong.push(`${cell}: reached none`))
    if (asked() - atFirst > allowed) wrong.push(`${cell}: more has reached a server than was allowed`)
    if (!isDone && company.content() !== content) wrong.push(`${cell}: changed a file`)
    const kind = typeof expected === 'string' ? expected : '403'
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  process.stdout.write(`calls: ${total} cells, ${wrong.length} wrong: ${JSON.stringify(counts)}\n`)
  expect(wrong).toEqual([])
  expect(asked() - atFirst, 'what reached the servers in all').toBe(allowed)
})

const printed: string[] = []
async function command(...args: readonly string[]) {
  await using running = startProcess(['packages/cli/src/main.ts', ...args])
  const { code } = await running.exited
  printed.push(running.output())
  return { code, stdout: running.stdout(), output: running.output() }
}
const audited = async (...args: readonly string[]): Promise<readonly AuditLine[]> => {
  const { stdout } = await command('audit', join(company.folder, 'audit.jsonl'), ...args, '--json')
  return stdout
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => auditLine.parse(JSON.parse(line)))
}

test('the audit says of each call what came of it: as many were allowed and refused, by each, as the table has', async () => {
  const expected: Record<string, readonly [allowed: number, refused: number]> = {}
  for (const { row, caller, grade } of cellsOfCalls(company)) {
    const isAllowed = outcomeOf(row, caller, grade) === 'allowed'
    const [allowed, refused] = expected[caller] ?? [0, 0]
    expected[caller] = [allowed + Number(isAllowed), refused + Number(!isAllowed)]
  }
  const all = await audited()
  const calls = all.filter(({ method = '' }) => /^(tools\/call|prompts\/get|resources\/read)$/.test(method))
  const counted = Object.fromEntries(
    callers.map((caller) => {
      const { sub } = claimsOf(tokenOf(caller, 'full'))
      const own = calls.filter(({ subject }) => subject === sub)
      const isAllowed = ({ decision }: AuditLine) => decision === 'allow'
      return [caller, [own.filter(isAllowed).length, own.filter((line) => !isAllowed(line)).length]]
    }),
  )
  process.stdout.write(`in the audit, allowed and refused: ${JSON.stringify(counted)}\n`)
  expect(counted).toEqual(expected)

  const transfers = (await audited('--tool', 'ledger__transfer')).filter(({ outcome }) => outcome === 'ok')
  expect(new Set(transfers.map(({ subject }) => subject)), 'who moved money').toEqual(new Set(['github:11']))
  expect(transfers).toHaveLength(replicas.length)
  const refused = (await audited('--client', 'archiver', '--refused')).filter(({ event }) => event === 'mcp_request')
  expect(refused).toHaveLength(expected.archiver?.[1] ?? 0)
  expect(new Set(refused.map(({ subject }) => subject))).toEqual(new Set(['archiver']))

  const whole = await command('audit', 'verify', join(company.folder, 'audit.jsonl'))
  expect([whole.code, whole.output]).toEqual([0, expect.stringContaining('by 4 processes hold together')])
  process.stdout.write(whole.output)
})

test('what is denied is answered as what nobody has, to each token', async () => {
  for (const replica of replicas)
    for (const grade of grades) {
      const told = async (name: string) => {
        const params = { name, arguments: {} }
        const answer = await say(company, tokenOf('archiver', grade), { method: 'tools/call', params, replica })
        return [answer.status, answer.challenge, answer.text.replaceAll(name, 'NAME')]
      }
      const missing = await told('ledger__nothing')
      for (const denied of ['ledger__close_account', 'notes__delete_entities', 'docs__move_file'])
        expect(await told(denied), `${denied} (${grade})`).toEqual(missing)
    }
})

test('a rule that changes in the file is what both replicas judge by within seconds, and no call meanwhile fails', async () => {
  const row = rows.find(({ args }) => args.amount === 1000)
  const thing = thingsOf(company).find(({ name }) => name === 'ledger/transfer')
  if (!thing) throw new Error('the ledger moves nothing')
  const seen: Record<string, number> = {}
  const transfer = async (replica: number) => {
    const request = requestFor(thing, row?.args ?? {})
    const outcome = String(outcomeIn(await say(company, tokenOf('ada', 'full'), { ...request, replica })))
    seen[outcome] = (seen[outcome] ?? 0) + 1
    return outcome
  }
  const measured: string[] = []
  for (const [from, to, outcome] of [
    ['<= 1000', '<= 100', 'not found'],
    ['<= 100', '<= 1000', 'allowed'],
  ] as const) {
    company.rewrite((file) => file.replace(from, to))
    const took = await Promise.all(
      replicas.map((replica) => until(async () => (await transfer(replica)) === outcome, 20_000)),
    )
    measured.push(`${from} → ${to}: ${took.join(' and ')} ms`)
    // it stays so
    for (const replica of [...replicas, ...replicas]) expect(await transfer(replica)).toBe(outcome)
  }
  process.stdout.write(
    `a changed rule counts at the replicas after ${measured.join('; ')}; calls: ${JSON.stringify(seen)}\n`,
  )
  expect(Object.keys(seen).sort()).toEqual(['allowed', 'not found'])
})

test('one grant can be followed from the sign-in to its end, as the README shows it', async () => {
  const readme = readFileSync(join(repository, 'examples/company/README.md'), 'utf8')
  const ada = await signIn(company, 'ada', planting)
  const call = async (name: string, args: object) =>
    outcomeIn(
      await say(company, ada.tokens.full, { method: 'tools/call', params: { name, arguments: args }, replica: 0 }),
    )
  const way = { from: 'operations', to: 'travel', memo: canary }
  expect(await call('ledger__get_account', { id: 'travel', [canary]: 1 })).toBe('allowed')
  expect(await call('ledger__transfer', { ...way, amount: 250 })).toBe('allowed')
  expect(await call('ledger__transfer', { ...way, amount: 5000 })).toBe('not found')
  const { issuer } = company.cluster
  await post(`${issuer}/revoke`, { client_id: terminal.client_id, token: ada.refreshToken ?? '' })
  const { grant_id: grant } = claimsOf(ada.tokens.full)
  const { stdout } = await command('audit', join(company.folder, 'audit.jsonl'), `--grant=${grant}`)
  process.stdout.write(`\n${stdout}`)
  const [, transcript] = /^\$ gatehouse audit .*--grant .*\n((?:(?!`).+\n)+)/m.exec(readme) ?? []
  expect(withoutTimes(stdout)).toEqual(withoutTimes(transcript ?? ''))
})

/** The cells of a table of the audit, but for what is another one each time: times, milliseconds, the grant. */
function withoutTimes(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) =>
    line
      .replace(/^\d{4}-\d\d-\d\d [\d:.]+/, 'TIME')
      .replace(/\s+[0-9a-zA-Z_-]{8}$/, '  GRANT')
      .split(/\s{2,}/)
      .filter((cell) => !/^\d+$/.test(cell)),
  )
}

test('clients that put a token where none belongs get an error that is no fault of ours', async () => {
  misplaced = await misplaceTokens(company, planting)
  const logs = company.cluster.logs()
  expect(logs).not.toContain('"statusCode":500')
})

test('no secret of the run is where it does not belong; and the search finds what is planted in each place, however it is written', async () => {
  // what strangers may write comes where they can write it
  await register(company.cluster, canary)
  await company.cluster.redis.command('SET', canary, canary)
  await plantAll(company, planting.plant)
  const { secrets } = planting
  const places = await placesOf(company, answers, printed.join('\n'))
  for (const { name, text, known } of places) expect(text.includes(known), `${name} has ${known}`).toBe(true)

  const sent = Object.fromEntries(misplaced.map((where) => [`misplaced: ${where}`, misplacedBelongs(where)]))
  const known = { ...sent, ...belongs }
  const leaks = findLeaks(places, secrets, known)
  const kinds = new Set(secrets.values())
  const spellings = [...secrets.keys()].flatMap((secret) => [...new Set(Object.values(spellingsOf(secret)))])
  const size = places.reduce((sum, { text }) => sum + text.length, 0)
  process.stdout.write(
    `\nsearched ${places.length} places (${(size / 1e6).toFixed(1)} MB) for ${secrets.size} secrets of ${kinds.size} kinds in ` +
      `${spellings.length} spellings: ${leaks.length} found\n`,
  )
  for (const { name, text } of places)
    process.stdout.write(`  ${name}: ${text.split('\n').length} lines, ${text.length} characters\n`)
  for (const kind of kinds)
    process.stdout.write(`  ${[...secrets.values()].filter((each) => each === kind).length} × ${kind}\n`)
  expect(leaks).toEqual([])

  // a secret is found where it belongs, so it was caught there
  for (const kind of kinds)
    for (const place of belongs[kind] ?? []) {
      const own = new Map([...secrets].filter(([, what]) => what === kind))
      const inPlace = places.filter(({ name }) => name === place)
      expect(findLeaks(inPlace, own).length, `${kind} in the ${place}`).toBeGreaterThan(0)
    }
  // what came there by itself
  const met = findLeaks(places, new Map([[canary, 'canary']])).map(({ place }) => place)
  process.stdout.write(`a canary that a stranger wrote came to: ${[...new Set(met)].join('; ')}\n`)
  expect(new Set(met).size).toBeGreaterThan(7)
  // and in the others, in each spelling, where it is put into the middle
  const another = `canary-${crypto.randomUUID()}`
  let found = 0
  for (const place of places)
    for (const [spelling, spelled] of Object.entries(spellingsOf(another))) {
      const middle = Math.floor(place.text.length / 2)
      const text = `${place.text.slice(0, middle)}${spelled}${place.text.slice(middle)}`
      const hits = findLeaks([{ ...place, text }], new Map([[another, 'canary']]))
      expect(
        hits.map((hit) => hit.spelling),
        place.name,
      ).toContain(spelling)
      found += 1
    }
  process.stdout.write(`planted and found: ${found}\n`)
})
