import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { createCommandLine } from '../harness/command-line.ts'
import { startFakeServers } from '../harness/fake-servers.ts'
import { boundAnswer, mostBytes } from './bounded-answer.ts'

const mebibyte = Buffer.alloc(1024 * 1024, 'x')

/** Sends up to 400 MB as the reader takes them, and counts them. */
function flood(response: ServerResponse, type: string, chunk = mebibyte, first = ''): { sent: number } {
  const count = { sent: 0 }
  response.writeHead(200, { 'content-type': type })
  response.write(first)
  const more = () => {
    while (count.sent < 400 * 1024 * 1024 && !response.destroyed) {
      count.sent += chunk.length
      if (!response.write(chunk)) return response.once('drain', more)
    }
    return response.end()
  }
  more()
  return count
}

async function flooded(args: string[], answer: (asked: string, response: ServerResponse) => { sent: number } | false) {
  await using servers = await startFakeServers()
  await using shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  const counts: { sent: number }[] = []
  servers.behaviour.raw = (asked, response) => {
    const count = answer(asked, response)
    if (count) counts.push(count)
    return count !== false
  }
  const { code, stderr } = await shell.run(args)
  return { code, stderr, counts }
}

const json = ['application/json', mebibyte, '{"jsonrpc":"2.0","id":"'] as const
const oneLine = ['text/event-stream', mebibyte, 'data: '] as const
const manyLines = ['text/event-stream', Buffer.from(`data: ${'x'.repeat(65_000)}\r\n`), ''] as const
const somethingElse = ['text/plain', mebibyte, ''] as const

test.for([
  ['tools/call', 'call greet', 'Its answer', json],
  ['tools/call', 'call greet', 'One event of its answer', oneLine],
  ['tools/call', 'call greet', 'One event of its answer', manyLines],
  ['tools/call', 'call greet', 'Its answer', somethingElse],
  ['tools/list', 'tools', 'Its answer', oneLine],
  ['initialize', 'tools', 'Its answer', json],
] as const)(
  'an answer to %s without end is refused after 16 MiB, with what to do about it',
  { timeout: 30_000 },
  async ([method, command, what, [type, chunk, first]]) => {
    const { code, stderr, counts } = await flooded(
      command.split(' '),
      (asked, response) => asked === method && flood(response, type, chunk, first),
    )
    expect([code, stderr]).toEqual([6, expect.stringContaining('sends too much.')])
    expect(stderr).toContain(`${what} is larger than 16 MiB.`)
    expect(stderr).toContain('Ask for less if you can')
    expect(counts.length).toBe(1)
    expect(counts[0]?.sent).toBeLessThan(40 * 1024 * 1024)
  },
)

test.for(['application/json', 'text/event-stream'])(
  'an answer as %s that is nested too deep is refused by name',
  async (type) => {
    const deep = `${'{"a":'.repeat(7_000)}1${'}'.repeat(7_000)}`
    for (const [method, args, member] of [
      ['tools/call', ['call', 'greet', '--json'], `"content":[],"structuredContent":${deep}`],
      ['tools/call', ['call', 'greet', '--json'], `"content":[],"_meta":${deep}`],
      [
        'tools/list',
        ['tools', '--json'],
        `"tools":[{"name":"a","inputSchema":{"type":"object","properties":${deep}}}]`,
      ],
    ] as const) {
      await using servers = await startFakeServers()
      await using shell = await createCommandLine(servers.mcpUrl)
      await shell.run(['login'])
      servers.behaviour.raw = (asked, response) => {
        if (asked !== method) return false
        const message = `{"jsonrpc":"2.0","id":1,"result":{${member}}}`
        response.writeHead(200, { 'content-type': type })
        response.end(type === 'application/json' ? message : `data: ${message}\n\n`)
        return true
      }
      const { code, stdout } = await shell.run([...args])
      expect([code, JSON.parse(stdout).error]).toMatchObject([
        6,
        { code: 'protocol_error', reason: 'Its answer is nested more than 64 levels deep.' },
      ])
    }
  },
)

test('each event of a stream has its own depth, wherever the pieces end', async () => {
  const text = new TextEncoder()
  const piece = (levels: number) => `data: ${'['.repeat(levels)}\n\n` // never closed
  for (const [pieces, isRead] of [
    [Array.from({ length: 20 }, () => piece(60)), true],
    [[...piece(60)].flatMap((each) => [each]), true],
    [['data: [', '['.repeat(40), '['.repeat(40)], false],
    [[`${piece(1)}data: ${'['.repeat(65)}`], false],
  ] as const) {
    const body = ReadableStream.from(pieces.map((each) => text.encode(each)))
    const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    const reading = boundAnswer(response, { url: new URL('https://mcp.example/mcp') }).text()
    if (isRead) expect(await reading).toBe(pieces.join(''))
    else await expect(reading).rejects.toMatchObject({ code: 'protocol_error' })
  }
})

test('a list that goes on page after page is bounded as a whole', async () => {
  let pages = 0
  const { code, stderr } = await flooded(['tools'], (asked, response) => {
    if (asked !== 'tools/list') return false
    pages += 1
    const tool = { name: `t${pages}`, description: 'x'.repeat(2 * 1024 * 1024), inputSchema: { type: 'object' } }
    const body = { jsonrpc: '2.0', id: pages, result: { tools: [tool], nextCursor: String(pages) } }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    return { sent: 0 }
  })
  expect([code, stderr]).toEqual([6, expect.stringContaining('Its answer is larger than 16 MiB.')])
  expect(pages).toBeLessThan(9)
})

test('a stream of small events goes on for as long as it likes', async () => {
  for (const lineBreak of ['\n', '\r', '\r\n']) {
    const event = new TextEncoder().encode(`data: ${'x'.repeat(1024 * 1024)}${lineBreak}${lineBreak}`)
    let events = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        events += 1
        // in pieces that do not end where the events do
        controller.enqueue(events === 1 ? event.subarray(0, event.length - 1) : event.subarray(-1))
        if (events > 1) controller.enqueue(event.subarray(0, event.length - 1))
        if (events === 20) controller.close()
      },
    })
    const response = new Response(body, { headers: { 'content-type': 'Text/Event-Stream; charset=utf-8' } })
    const bounded = boundAnswer(response, { url: new URL('https://mcp.example/mcp') })
    expect((await bounded.arrayBuffer()).byteLength).toBeGreaterThan(mostBytes)
  }
})
