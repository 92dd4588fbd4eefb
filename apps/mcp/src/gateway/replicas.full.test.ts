// The gateway on several replicas and one Redis: what has a session is asked at one and answered at another, and one of them
// is killed, or stopped, under load.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenIssuer, freePort, startTestRedis, type TestRedis, type TokenIssuer } from '@gatehouse/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Front, startFront } from '../harness/front.ts'
import { answerOf, requestOf, type TestServer } from '../harness/mcp-server.ts'
import { type ServerProcess, startProcess } from '../harness/process.ts'
import { startReplicas } from '../harness/replicas.ts'
import { openSession } from '../harness/session-client.ts'
import { fixtureKinds, startFixture } from './harness/fixture-upstream.ts'
import { gatewayEnv } from './harness/gateway.ts'
import { cells } from './harness/matrix-cells.ts'
import { clientNames, connectClient } from './harness/matrix-clients.ts'
import type { Era, Json, Members } from './upstreams/contract.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startTestRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

describe.each([2, 3])('%i replicas, each request at the next one', (count) => {
  describe.each(clientNames)('%s', (name) => {
    test.each(fixtureKinds)('%s', async (kind) => {
      await using fixture = await startFixture(kind, {}, 'matrix')
      const env = () => gatewayEnv({ fixture: fixture.settings })
      await using replicas = await startReplicas({ redisUrl: redis.url, count, gatewayEnv: env })
      const failed: string[] = []
      for (const [cell, run] of Object.entries(cells)) {
        await using client = await connectClient(name, replicas as unknown as TestServer)
        await run(client, kind.slice(-4) as Era).catch((error: Error) => failed.push(`${cell}: ${error.message}`))
      }
      expect(failed).toEqual([])
    })
  })
})

const program = join(import.meta.dirname, 'harness/counting-command.ts')

interface Site extends AsyncDisposable {
  readonly front: Front
  readonly issuer: TokenIssuer
  readonly replicas: readonly ServerProcess[]
  /** From now on the next requests go to these, in turn. */
  use(...replicas: readonly number[]): void
  /** Lines of the journal of all commands. */
  journal(): Members[]
  token(subject?: string): Promise<string>
}

/** Real processes, in front of a command that counts. */
async function startSite(count: number, given: object = {}): Promise<Site> {
  const [issuer, front] = await Promise.all([createTokenIssuer(), startFront()])
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-site-'))
  const journal = join(folder, 'journal')
  writeFileSync(journal, '')
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, journal]
  const file = join(folder, 'gatehouse.json')
  writeFileSync(
    file,
    JSON.stringify({ version: 1, upstreams: { counting: { command, questions: { form: true }, ...given } } }),
  )
  const resource = `${front.origin}/mcp`
  const ports = await Promise.all(Array.from({ length: count }, freePort))
  const database = `${redis.url}/${1 + Math.floor(Math.random() * 14)}`
  const replicas = ports.map((port, index) =>
    startProcess({
      PORT: `${port}`,
      MCP_ISSUER: issuer.issuer,
      MCP_RESOURCE_URL: resource,
      MCP_SECRET: 'of all replicas, and long enough to seal with',
      REDIS_URL: database,
      GATEHOUSE_CONFIG: file,
      DATA_DIR: join(folder, `replica-${index}`),
    }),
  )
  await Promise.all(replicas.map((one) => one.until('MCP server started')))
  let chosen = ports.map((_, index) => index)
  let turn = 0
  front.route = () => ports[chosen[turn++ % chosen.length] ?? 0] ?? 0
  return {
    front,
    issuer,
    replicas,
    use: (...to) => {
      chosen = [...to]
    },
    journal: () =>
      readFileSync(journal, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    token: (subject = `dev:${randomUUID()}`) => issuer.sign({ aud: resource, sub: subject }),
    async [Symbol.asyncDispose]() {
      for (const one of replicas) {
        one.kill('SIGCONT')
        one.kill('SIGTERM')
        await Promise.race([one.exited, new Promise((resolve) => setTimeout(resolve, 15_000))])
        await one[Symbol.asyncDispose]()
      }
      await Promise.all([front[Symbol.asyncDispose](), issuer[Symbol.asyncDispose]()])
    },
  }
}

const saidIn = (answer: Json) => JSON.parse(answer.result.content[0].text)

/** A request of 2026-07-28, by hand: each stands alone. */
async function modernCall(site: Site, token: string, params: Members): Promise<Json> {
  const { message, headers } = requestOf('2026-07-28', 'tools/call', params)
  const capabilities = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } }
  const meta = { ...(message.params as Json)._meta, ...capabilities }
  const response = await fetch(`${site.front.origin}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(headers as Record<string, string>),
    },
    body: JSON.stringify({ ...message, params: { ...message.params, _meta: meta } }),
  })
  return answerOf(response)
}

const call = (name: string, args: object = {}) => ({ name, arguments: args })

test('200 calls of one session over three replicas arrive in order at one process', async () => {
  await using site = await startSite(3)
  const token = await site.token()
  const session = await openSession({ resource: `${site.front.origin}/mcp`, token })
  const results: Json[] = []
  for (let n = 0; n < 200; n += 1) {
    const message = { jsonrpc: '2.0', id: n, method: 'tools/call', params: call('count', { n }) }
    results.push(saidIn(await answerOf(await session.post(message))))
  }
  expect(new Set(results.map(({ pid }) => pid)).size).toBe(1)
  expect(results.map(({ count, n }) => [count, n])).toEqual(results.map((_, index) => [index + 1, index]))
})

test('fifty questions are asked at one replica and answered at another', async () => {
  await using site = await startSite(2)
  const people = await Promise.all(Array.from({ length: 5 }, () => site.token()))
  const asked: { token: string; n: number; requestState: string }[] = []
  site.use(0)
  for (let n = 0; n < 50; n += 1) {
    const token = people[n % 5] as string
    const { result } = await modernCall(site, token, call('ask', { n }))
    expect(result.resultType, JSON.stringify(result)).toBe('input_required')
    asked.push({ token, n, requestState: result.requestState })
  }
  site.use(1)
  const back = await Promise.all(
    asked.map(({ token, n, requestState }) => {
      const inputResponses = { question: { action: 'accept', content: { name: `answer ${n}` } } }
      return modernCall(site, token, { ...call('ask', { n }), requestState, inputResponses })
    }),
  )
  expect(back.map((answer) => saidIn(answer).answer.content.name)).toEqual(asked.map(({ n }) => `answer ${n}`))
  const [first] = asked
  const inputResponses = { question: { action: 'accept', content: { name: 'again' } } }
  const again = await modernCall(site, first?.token ?? '', {
    ...call('ask', { n: 0 }),
    requestState: first?.requestState,
    inputResponses,
  })
  expect(again.error.code, 'an answer counts once').toBe(-32_602)
})

/** Calls without an end from several people, until told to stop. Returns what each call came to. */
function load(site: Site, tokens: readonly string[]) {
  let isOver = false
  let n = 0
  const outcomes: { n: number; text: string; isError: boolean }[] = []
  const workers = tokens.map(async (token) => {
    while (!isOver) {
      n += 1
      const own = n
      const answer = await modernCall(site, token, call('count', { n: own })).catch((error) => ({
        error: String(error),
      }))
      const text = JSON.stringify(answer.result?.content ?? answer.error)
      outcomes.push({ n: own, text, isError: answer.result?.isError === true || answer.error !== undefined })
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })
  return {
    outcomes,
    /** How many calls were begun. */
    begun: () => n,
    async stop() {
      isOver = true
      await Promise.all(workers)
    },
  }
}

const elapsed = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Each call that was answered ran once, and none twice; what failed has words for it, unless its own replica was killed. */
function expectOnce(site: Site, outcomes: readonly { n: number; text: string; isError: boolean }[]): void {
  // HTTP 408: its request had not come whole when its replica was stopped, so that nothing began
  for (const { text, isError } of outcomes)
    if (isError)
      expect(text).toMatch(
        /is gone|is unavailable|ended in the middle|SyntaxError|fetch failed|terminated|Request Timeout/,
      )
  const ran = site.journal().flatMap(({ args }) => (args?.n === undefined ? [] : [args.n]))
  expect(new Set(ran).size, 'nothing ran twice').toBe(ran.length)
  const all = new Set(ran)
  const answered = outcomes.filter(({ isError }) => !isError)
  expect(answered.filter(({ n }) => !all.has(n))).toEqual([])
}

test('a call that runs at a replica that is killed ends with one clear error; the next one is answered', async () => {
  await using site = await startSite(2)
  const token = await site.token()
  site.use(1)
  const first = saidIn(await modernCall(site, token, call('count')))
  site.use(0)
  const running = modernCall(site, token, call('wait', { n: 1 }))
  await expect.poll(() => site.journal().filter(({ name }) => name === 'wait').length).toBe(1)
  site.replicas[1]?.kill('SIGKILL')
  const { result } = await running
  expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('the call may have run') }] })
  const next = saidIn(await modernCall(site, token, call('count')))
  expect(next.count).toBe(1)
  expect(next.pid).not.toBe(first.pid)
  await expect.poll(() => isRunning(first.pid), { message: 'its command ended with it' }).toBe(false)
  expect(site.journal().filter(({ name }) => name === 'wait')).toHaveLength(1)
})

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('replicas that stop leave no command behind, and what they did for others is answered', async () => {
  const site = await startSite(2)
  const [token, other] = [await site.token(), await site.token()]
  let pids: number[] = []
  try {
    site.use(1)
    const first = saidIn(await modernCall(site, token, call('count')))
    await modernCall(site, other, call('count'))
    site.use(0)
    const slow = modernCall(site, token, call('slow', { for: 5_000 }))
    await expect.poll(() => site.journal().filter(({ name }) => name === 'slow').length).toBe(1)
    site.replicas[1]?.kill('SIGTERM')
    const idle = () => modernCall(site, other, call('count')).then((answer) => saidIn(answer).count)
    await expect.poll(idle, { message: 'idle, it is for others at once', timeout: 20_000 }).toBe(1)
    expect(saidIn(await slow)).toMatchObject({ pid: first.pid })
    await site.replicas[1]?.exited
    expect(saidIn(await modernCall(site, token, call('count'))).count).toBe(1)
    pids = site.journal().map(({ pid }) => pid)
  } finally {
    await site[Symbol.asyncDispose]()
  }
  expect(new Set(pids).size).toBe(4)
  await expect.poll(() => pids.filter(isRunning)).toEqual([])
})

test('a replica is killed under load: calls that ran there end with an error, all others are answered, nothing runs twice', async () => {
  await using site = await startSite(3)
  const tokens = await Promise.all(Array.from({ length: 12 }, () => site.token()))
  const { outcomes, begun, stop } = load(site, tokens)
  await expect.poll(() => outcomes.length, { timeout: 30_000 }).toBeGreaterThan(100)
  expect(outcomes.filter(({ isError }) => isError)).toEqual([])
  site.use(0, 1)
  site.replicas[2]?.kill('SIGKILL')
  await elapsed(15_000)
  const after = begun()
  await elapsed(3_000)
  await stop()
  const failed = outcomes.filter(({ isError }) => isError)
  process.stdout.write(
    `killed: ${outcomes.length} calls, ${failed.length} failed, e.g. ${[...new Set(failed.map(({ text }) => text.slice(0, 120)))].join(' | ')}\n`,
  )
  expect(
    outcomes.filter(({ n, isError }) => n > after && isError),
    'it is over',
  ).toEqual([])
  expectOnce(site, outcomes)
})

test('a replica is stopped under load and goes on later: others take over, and it runs nothing that they ran', async () => {
  await using site = await startSite(3)
  const tokens = await Promise.all(Array.from({ length: 12 }, () => site.token()))
  const { outcomes, begun, stop } = load(site, tokens)
  await expect.poll(() => outcomes.length, { timeout: 30_000 }).toBeGreaterThan(100)
  site.use(0, 1)
  site.replicas[2]?.kill('SIGSTOP')
  await elapsed(15_000)
  const after = begun()
  await elapsed(2_000)
  site.replicas[2]?.kill('SIGCONT')
  await elapsed(2_000)
  site.use(0, 1, 2)
  await elapsed(3_000)
  await stop()
  const failed = outcomes.filter(({ isError }) => isError)
  process.stdout.write(`stopped: ${outcomes.length} calls, ${failed.length} failed\n`)
  expect(
    outcomes.filter(({ n, isError }) => n > after && isError),
    'it is over',
  ).toEqual([])
  expectOnce(site, outcomes)
})

/** Of a process and of all that it started: resident megabytes of the process, its open files, its children. */
function footprint(pid: number): { megabytes: number; files: number; children: number } {
  const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return {
    megabytes: Math.round(Number(resident) / 1_024),
    files: readdirSync(`/proc/${pid}/fd`).length,
    children: children.length,
  }
}

/** 2,000 take five minutes, and leave no more behind. */
const sessions = 160
const perMeasure = sessions / 4

test(`${sessions} sessions, each with a process of its own, leave nothing behind`, async () => {
  const processes = { max: 16, idle: '1s' }
  await using site = await startSite(3, { isolation: 'session', processes })
  const resource = `${site.front.origin}/mcp`
  const measures: ReturnType<typeof footprint>[][] = []
  let opened = 0
  let refused = 0

  async function one(): Promise<void> {
    const session = await openSession({ resource, token: await site.token() })
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: call('count', { n: opened }) }
    for (;;) {
      const { result } = await answerOf(await session.post(message))
      if (!result.isError) break
      expect(JSON.stringify(result), 'nothing else goes wrong').toMatch(/busy|unavailable/)
      refused += 1
      await elapsed(100)
    }
    expect((await session.delete()).status).toBe(200)
  }

  const workers = Array.from({ length: 6 }, async () => {
    while (opened < sessions) {
      opened += 1
      if (opened % perMeasure === 0) measures.push(site.replicas.map(({ pid }) => footprint(pid)))
      await one()
    }
  })
  await Promise.all(workers)
  const childrenLeft = () => site.replicas.map(({ pid }) => footprint(pid).children)
  // one child of each is the guard that ends commands when their gateway is killed
  await expect.poll(childrenLeft, { timeout: 30_000, interval: 500 }).toEqual([1, 1, 1])
  measures.push(site.replicas.map(({ pid }) => footprint(pid)))
  process.stdout.write(`${sessions} sessions, ${refused} told to wait:\n`)
  for (const [index, all] of measures.entries())
    process.stdout.write(`${(index + 1) * perMeasure}: ${all.map((each) => JSON.stringify(each)).join(' ')}\n`)
  // by the second measure the heap is as large as the work wants it
  const [, first, , last] = measures
  for (const [index, { files, megabytes }] of (last ?? []).entries()) {
    expect(files).toBeLessThan((first?.[index]?.files ?? 0) + 40)
    expect(megabytes).toBeLessThan((first?.[index]?.megabytes ?? 0) + 60)
  }
  const runs = site.journal().filter(({ name }) => name === 'count')
  expect(runs).toHaveLength(sessions)
})
