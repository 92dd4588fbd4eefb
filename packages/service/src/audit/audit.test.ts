import { createHash } from 'node:crypto'
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { auditLine } from '@gatehouse/shared'
import { listen } from '@gatehouse/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createMetrics } from '../metrics.ts'
import { type AuditOptions, createAudit } from './audit.ts'
import { verifyChain } from './chain.ts'
import type { AuditPlace, AuditSettings } from './settings.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-audit-'))
  path = join(folder, 'audit.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true }))

const settingsFor = (to: AuditPlace, more: Partial<AuditSettings> = {}): AuditSettings => ({
  to,
  arguments: 'names',
  redact: [],
  chain: false,
  ...more,
})

function open(to: AuditPlace, { chain = false, ...more }: Partial<AuditOptions> & { chain?: boolean } = {}) {
  const told: string[] = []
  const metrics = createMetrics({ ofProcess: false })
  const audit = createAudit({
    service: 'mcp',
    settings: settingsFor(to, { chain }),
    log: {
      info: (details, message) => told.push(`info ${message} ${JSON.stringify(details)}`),
      error: (details, message) => told.push(`error ${message} ${JSON.stringify(details)}`),
    },
    metrics,
    stdout: { write: () => true },
    clock: () => 0,
    ...more,
  })
  const counted = async (result: string) => {
    const { text } = await metrics.read()
    return Number(new RegExp(`^gatehouse_audit_lines_total\\{result="${result}"\\} (.+)$`, 'm').exec(text)?.[1] ?? 0)
  }
  const call = (tool: string) => audit.write({ event: 'mcp_request', outcome: 'ok', tool })
  return { ...audit, told, counted, call, [Symbol.asyncDispose]: () => audit.close() }
}

const read = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => auditLine.parse(JSON.parse(line)))
const toolsIn = (file: string) => read(file).map(({ tool }) => tool)

test('a line has its form, in a file that nobody else reads, behind what is there already', async () => {
  writeFileSync(
    path,
    '{"audit":1,"time":"1970-01-01T00:00:00.000Z","service":"auth","event":"sign_in","outcome":"ok"}\n',
  )
  const audit = open({ kind: 'file', path: join(folder, 'new.jsonl') })
  audit.write({ event: 'mcp_request', outcome: 'refused', decision: 'deny', subject: 'dev:ada', ms: 3 })
  await audit.close()
  expect(readFileSync(join(folder, 'new.jsonl'), 'utf8')).toBe(
    '{"audit":1,"time":"1970-01-01T00:00:00.000Z","service":"mcp","event":"mcp_request","outcome":"refused","decision":"deny","subject":"dev:ada","ms":3}\n',
  )
  expect(statSync(join(folder, 'new.jsonl')).mode & 0o777).toBe(0o600)
  const behind = open({ kind: 'file', path })
  behind.call('a')
  await behind.close()
  expect(read(path).map(({ event }) => event)).toEqual(['sign_in', 'mcp_request'])
  expect(await behind.counted('written')).toBe(1)
})

test('nothing is written without a place, and nothing fails', async () => {
  const audit = createAudit({
    service: 'auth',
    settings: undefined,
    log: { info: () => undefined, error: () => undefined },
    stdout: { write: () => expect.unreachable() },
  })
  audit.write({ event: 'sign_in', outcome: 'ok' })
  await audit.close()
})

test('a file that was moved away is left, and one of its name is begun; so it is on a signal', async () => {
  const { onHangUp, hangUp } = operator()
  await using audit = open({ kind: 'file', path }, { onHangUp })
  audit.call('first')
  await expect.poll(() => toolsIn(path)).toEqual(['first'])
  renameSync(path, `${path}.1`)
  audit.call('second')
  await expect.poll(() => toolsIn(path)).toEqual(['second'])
  rmSync(path)
  audit.call('third')
  await expect.poll(() => toolsIn(path)).toEqual(['third'])
  // somebody keeps it under another name, and takes the old one's place by a link: both have the same inode
  hangUp()
  audit.call('fourth')
  await expect.poll(() => toolsIn(path)).toEqual(['third', 'fourth'])
  expect(toolsIn(`${path}.1`)).toEqual(['first'])
  expect(audit.told).toEqual([])
})

test('a place that cannot be written is told of once, and gets all that waits when it can', async () => {
  const away = join(folder, 'later', 'audit.jsonl')
  const { onHangUp, hangUp } = operator()
  await using audit = open({ kind: 'file', path: away }, { onHangUp })
  for (let count = 0; count < 50; count += 1) audit.call(`${count}`)
  await expect.poll(() => audit.told.length).toBe(1)
  expect(audit.told[0]).toMatch(/^error audit lines cannot be written.*ENOENT/)
  mkdirSync(join(folder, 'later'))
  hangUp()
  await expect.poll(() => audit.told.length).toBe(2)
  expect(toolsIn(away)).toEqual(Array.from({ length: 50 }, (_, count) => `${count}`))
  expect(await audit.counted('dropped')).toBe(0)
})

test('a full disk costs what does not fit in the memory for it, which is counted and owned up to', async () => {
  await using audit = open({ kind: 'file', path: '/dev/full' })
  const long = 'x'.repeat(60_000)
  for (let count = 0; count < 200; count += 1) audit.call(long)
  await expect.poll(() => audit.told.length).toBeGreaterThan(0)
  expect(audit.told.filter((line) => line.startsWith('error'))).toHaveLength(1)
  const dropped = await audit.counted('dropped')
  expect(dropped).toBeGreaterThan(50)
  expect(dropped).toBeLessThan(200)
  // to another place what waits is not taken along, and its loss is counted, too
  audit.change(settingsFor({ kind: 'file', path }))
  audit.call('after')
  await expect.poll(() => audit.counted('dropped')).toBe(200)
  expect(toolsIn(path)).toEqual(['after'])
})

test('standard output that takes no line costs that line; the next one says how many are missing', async () => {
  const lines: string[] = []
  let isFull = false
  await using audit = open({ kind: 'stdout' }, { stdout: { write: (line) => !isFull && lines.push(line) > 0 } })
  audit.call('a')
  isFull = true
  audit.call('b')
  audit.call('c')
  isFull = false
  audit.call('d')
  const seen = lines.map((line) => auditLine.parse(JSON.parse(line)))
  expect(seen.map(({ event, tool, lines: missing }) => tool ?? `${event} ${missing}`)).toEqual([
    'a',
    'lines_dropped 2',
    'd',
  ])
  expect([await audit.counted('written'), await audit.counted('dropped')]).toEqual([3, 2])
  expect(audit.told.map((line) => line.split(' ')[0])).toEqual(['error', 'info'])
})

function operator() {
  const listeners = new Set<() => void>()
  return {
    onHangUp: (run: () => void) => {
      listeners.add(run)
      return () => listeners.delete(run)
    },
    hangUp: () => {
      for (const run of listeners) run()
    },
  }
}

async function collector() {
  const seen: { authorization: string | undefined; text: string }[] = []
  let status = 200
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    if (status < 300) seen.push({ authorization: request.headers.authorization, text })
    response.writeHead(status, { location: '/elsewhere' }).end()
  })
  const { origin, stop } = await listen(server)
  return {
    url: `${origin}/in?key=hunter2`,
    seen,
    tools: () =>
      seen.flatMap(({ text }) => text.trimEnd().split('\n')).map((line) => auditLine.parse(JSON.parse(line)).tool),
    answerWith: (next: number) => {
      status = next
    },
    [Symbol.asyncDispose]: stop,
  }
}

test('a collector gets lines in order, each once, also after it was away; what it will not have is dropped', async () => {
  await using there = await collector()
  const { onHangUp, hangUp } = operator()
  await using audit = open({ kind: 'url', url: there.url, authorization: 'Bearer hunter3' }, { onHangUp })
  audit.call('first')
  await expect.poll(there.tools).toEqual(['first'])
  expect(there.seen[0]?.authorization).toBe('Bearer hunter3')

  for (const status of [503, 302, 401]) {
    there.answerWith(status)
    const before = audit.told.length
    audit.call(`during ${status}`)
    await expect.poll(() => audit.told.length).toBe(before + 1)
    there.answerWith(200)
    await vi.waitFor(() => {
      hangUp()
      expect(there.tools()).toContain(`during ${status}`)
    }, 10_000)
    await expect.poll(() => audit.told.length).toBe(before + 2)
  }
  expect(there.tools()).toEqual(['first', 'during 503', 'during 302', 'during 401'])

  there.answerWith(400)
  audit.call('refused')
  await expect.poll(() => audit.counted('dropped')).toBe(1)
  there.answerWith(200)
  audit.call('last')
  await vi.waitFor(() => {
    hangUp()
    expect(there.tools().slice(4)).toContain('last')
  }, 10_000)
  expect(audit.told.join()).not.toContain('hunter')
})

test('at the end what waits leaves; where it cannot, the end comes all the same', async () => {
  await using there = await collector()
  const audit = open({ kind: 'url', url: there.url })
  for (let count = 0; count < 300; count += 1) audit.call(`${count}`)
  await audit.close()
  expect(there.tools()).toHaveLength(300)

  await using hung = await listen(createServer(() => undefined))
  const nobody = open({ kind: 'url', url: `${hung.origin}/` })
  nobody.call('lost')
  await nobody.close()
  expect(await nobody.counted('dropped')).toBe(1)
})

test('a chain goes over restarts and several processes, and shows a line that was changed, added or taken away', async () => {
  for (const tool of ['one', 'two']) {
    const [first, second] = [
      open({ kind: 'file', path }, { chain: true }),
      open({ kind: 'file', path }, { chain: true }),
    ]
    for (const audit of [first, second, first]) {
      audit.call(tool)
      await expect.poll(() => audit.counted('written')).toBeGreaterThan(0)
    }
    await Promise.all([first.close(), second.close()])
  }
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  expect(lines).toHaveLength(6)
  const verify = async (changed: readonly string[]) => (await verifyChain(changed)).faults
  expect(await verifyChain(lines)).toMatchObject({ lines: 6, writers: 4, faults: [] })
  for (const index of lines.keys()) {
    const changed = lines.with(index, (lines[index] as string).replace(/"(one|two)"/, '"other"'))
    // the last lines of each process have nothing behind them
    if (lines.some((line, at) => at > index && refers(line, lines[index] as string)))
      expect(await verify(changed), `changed ${index}`).not.toEqual([])
  }
  expect(await verify(lines.toSpliced(2, 0, lines[1] as string))).not.toEqual([])
  expect(await verify(['no line', ...lines])).toEqual([{ line: 1, fault: 'is no line of an audit' }])
  // of the second round's first process alone: what was before it is in another file
  const { faults, notes } = await verifyChain([lines[3] as string, lines[5] as string])
  expect([faults, notes.length]).toEqual([[], 1])
})

test('a line is one line to every reader, whatever a caller calls things', async () => {
  const audit = open({ kind: 'file', path }, { chain: true })
  const names = ['\u2028', '\u2029', '\u0085', '\n', '\r']
  audit.write({ event: 'mcp_request', outcome: 'ok', tool: 'transfer', arguments: names })
  audit.call('next')
  await audit.close()
  const read: string[] = []
  for await (const line of createInterface({ input: createReadStream(path) })) read.push(line)
  expect(read).toHaveLength(2)
  expect(JSON.parse(read[0] ?? '').arguments).toEqual(names)
  expect((await verifyChain(read)).faults).toEqual([])
})

test('a line that somebody puts between others as a process of its own is told of', async () => {
  const audit = open({ kind: 'file', path }, { chain: true })
  for (const tool of ['one', 'two', 'three']) audit.call(tool)
  await audit.close()
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  const forged = JSON.parse(lines[1] as string)
  forged.tool = 'forged'
  forged.chain = {
    writer: 'abcdefabcdef',
    line: 1,
    previous: createHash('sha256')
      .update(lines[0] as string)
      .digest('hex'),
  }
  const { notes } = await verifyChain(lines.toSpliced(1, 0, JSON.stringify(forged)))
  expect(notes).toEqual(['line 2: abcdefabcdef begins: see that a process started then'])
})

function refers(line: string, to: string): boolean {
  return line.includes(createHash('sha256').update(to).digest('hex'))
}
