// Rules by annotations, over the wire, to clients of both eras: what was pinned counts, whatever the server says later.
import { expect, test } from 'vitest'
import { answerOf, eras, requestOf, startMcpServer, type TestServer } from '../../harness/mcp-server.ts'
import { createPinnedFile, startChangingServer } from '../harness/changing-server.ts'

const inputSchema = { type: 'object' }
const look = { name: 'look', inputSchema, annotations: { readOnlyHint: true } }
const add = { name: 'add', inputSchema, annotations: { destructiveHint: false } }
const drop = { name: 'drop', inputSchema }

const asker =
  (server: TestServer, era: (typeof eras)[number]) => async (method: string, params?: Record<string, unknown>) => {
    const { message, headers } = requestOf(era, method, params)
    return answerOf(await server.post(message, headers))
  }
type Ask = ReturnType<typeof asker>
const listed = async (ask: Ask) =>
  (await ask('tools/list')).result.tools.map(({ name }: { readonly name: string }) => name)
const call = async (ask: Ask, name: string) => ask('tools/call', { name, arguments: {} })

test.each(eras)('a server that says something else later opens nothing (%s)', async (era) => {
  await using docs = await startChangingServer()
  docs.tools = [look, add, drop]
  const upstreams = { docs: { url: docs.url } }
  const rules = [
    { tools: ['docs/*'], annotations: { readOnlyHint: true } },
    { tools: ['docs/*'], annotations: { destructiveHint: false }, when: 'caller.kind == "machine"' },
  ]
  const file = createPinnedFile({ upstreams, rules, pins: { mode: 'enforce' } })
  await file.pin()
  await using server = await startMcpServer({ env: file.env })
  const ask = asker(server, era)
  // the first call comes before anybody listed anything
  expect((await call(ask, 'drop')).error).toMatchObject({ code: -32_602, message: 'Tool drop not found' })
  expect((await call(ask, 'look')).result.content[0].text).toBe('did look')
  expect(await listed(ask)).toEqual(['look'])
  expect((await call(ask, 'add')).error).toMatchObject({ message: 'Tool add not found' })

  // it says of what destroys that it only reads, and has something new that says so
  const drops = { ...drop, annotations: { readOnlyHint: true } }
  docs.tools = [look, add, drops, { ...look, name: 'peek' }]
  expect(await listed(ask)).toEqual(['look'])
  for (const name of ['drop', 'peek']) expect((await call(ask, name)).error.message).toBe(`Tool ${name} not found`)
  // what was allowed by what it said before is withheld as soon as it says something else
  docs.tools = [{ ...look, annotations: { readOnlyHint: false } }, add, drops]
  expect(await listed(ask)).toEqual([])
  expect((await call(ask, 'look')).error.message).toBe('Tool look not found')
  expect(docs.called).toEqual(['look'])

  await file.pin()
  server.reload()
  expect(await listed(ask)).toEqual(['drop'])
  expect((await call(ask, 'drop')).result.content[0].text).toBe('did drop')
  expect(docs.called).toEqual(['look', 'drop'])
})

test('where the server is away, nobody says that a tool is there which its pinned annotations deny', async () => {
  const docs = await startChangingServer()
  docs.tools = [look, drop]
  const rules = [{ tools: ['docs/*'], annotations: { readOnlyHint: true } }]
  const more = { pins: { mode: 'enforce' }, audit: { to: 'stdout' } }
  const file = createPinnedFile({ upstreams: { docs: { url: docs.url } }, rules, ...more })
  await file.pin()
  await docs[Symbol.asyncDispose]()
  await using server = await startMcpServer({ env: file.env })
  const ask = asker(server, '2026-07-28')
  expect((await call(ask, 'look')).result.content[0].text).toMatch(/^docs is unavailable/)
  expect((await call(ask, 'drop')).error.message).toBe('Tool drop not found')
  expect((await call(ask, 'new')).error.message).toBe('Tool new not found')
  // the audit has what was decided, not what would have come of it
  const lines = () => server.log.filter((line) => line.includes('"mcp_request"')).map((line) => JSON.parse(line))
  await expect.poll(() => lines().length).toBe(3)
  const [looked, dropped, made] = lines()
  expect(looked).toMatchObject({ tool: 'look', decision: 'allow', rule: 'rules[0]', outcome: 'unavailable' })
  expect(dropped).toMatchObject({ tool: 'drop', decision: 'deny', upstream: 'docs', reason: 'no_rule' })
  expect(dropped).toMatchObject({ outcome: 'refused' })
  expect(made).toMatchObject({ tool: 'new', outcome: 'error' })
})
