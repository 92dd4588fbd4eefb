import { expect, test } from 'vitest'
import type { Catalog } from '../catalog/contract.ts'
import { testClient } from '../harness/clients.ts'
import { remoteSettings } from '../harness/settings.ts'
import type { Limited } from '../limits/limits.ts'
import { createGate } from '../rules/gate.ts'
import { type Members, RpcError, type Upstream, UpstreamError, type UpstreamFault } from '../upstreams/contract.ts'
import type { Forward } from './forward.ts'
import { createRelay } from './relay.ts'
import { createSeals } from './seal.ts'
import { createTaskIds } from './tasks.ts'

const rules = { rules: [], openByDefault: [] }

function upstreamOf(name: string): Upstream {
  return { settings: remoteSettings('http://localhost:1/mcp', { name }) } as Upstream
}

/** A relay to upstreams of which every request has this outcome. */
function relayTo(names: readonly string[], outcome: Members | Error, limited?: Limited) {
  const upstreams = names.map(upstreamOf)
  const [upstream] = upstreams
  const sent: Members[] = []
  const faults: string[] = []
  const catalog = {
    findTool: async (name: string) =>
      name === 'x' ? { upstream, name: 'own', definition: { inputSchema: {} } } : undefined,
    findPrompt: async (name: string) => (name === 'p' ? { upstream, name: 'own', definition: {} } : undefined),
    findResource: async () => undefined,
    awayTool: async () => undefined,
    show: async (_behalf: unknown, result: Members) => result,
  } as unknown as Catalog
  const forward: Forward = {
    parked: 0,
    close: () => undefined,
    async forward(_upstream, request) {
      sent.push(request as unknown as Members)
      if (outcome instanceof Error) throw outcome
      return outcome
    },
  }
  const tasks = createTaskIds(createSeals({ secrets: ['a secret for tests, and for nothing else'], clock: Date.now }))
  const gate = createGate({ endpoint: 'e', settings: () => rules })
  const relay = createRelay({
    catalog,
    upstreams,
    forward,
    tasks,
    gate,
    limit: async () => limited,
    onFault: (name) => void faults.push(name),
  })
  return { relay, sent, faults }
}

const call = { method: 'tools/call', params: { name: 'x', arguments: { a: 1 }, odd: true } }
const prompt = { method: 'prompts/get', params: { name: 'p' } }

test('a tool is called by its own name, and all else passes', async () => {
  const { relay, sent } = relayTo(['one'], { content: [{ type: 'odd', odd: 1 }], more: null })
  expect(await relay.handle(call, testClient('2026'))).toEqual({ content: [{ type: 'odd', odd: 1 }], more: null })
  expect(sent[0]).toMatchObject({ method: 'tools/call', params: { name: 'own', arguments: { a: 1 }, odd: true } })
})

test.each<[UpstreamFault, string]>([
  ['unreachable', 'one is unavailable: try again in 7 s'],
  ['busy', 'one is busy: try again in 7 s'],
  ['timeout', 'said nothing'],
  ['interrupted', 'said nothing'],
])(
  'what is wrong with an upstream (%s) is a failed result of a tool, and an error with data elsewhere',
  async (fault, words) => {
    const error = new UpstreamError('one', fault, 'said nothing', { retryAfter: 7 })
    const { relay, faults } = relayTo(['one', 'two'], error)
    const text = [{ type: 'text', text: words }]
    expect(await relay.handle(call, testClient('2025'))).toEqual({ content: text, isError: true })
    const data = { upstream: 'one', reason: fault, retryAfter: 7 }
    await expect(relay.handle(prompt, testClient('2026'))).rejects.toMatchObject({
      code: -32_603,
      message: words,
      data,
    })
    expect(faults).toEqual(['one', 'one'])
  },
)

test('a call that is one too many is a failed result that says when to try again, and reaches no upstream', async () => {
  const limited = { kind: 'tool', often: '10 times a minute', isShared: false, retryAfter: 20 } as const
  for (const era of ['2025', '2026'] as const) {
    const { relay, sent, faults } = relayTo(['one', 'two'], {}, limited)
    const text = 'x may be called 10 times a minute: try again in 20 s'
    expect(await relay.handle(call, testClient(era))).toEqual({ content: [{ type: 'text', text }], isError: true })
    await relay.handle(prompt, testClient(era))
    expect([sent.map(({ method }) => method), faults]).toEqual([['prompts/get'], []])
  }
})

test('an error of the upstream’s own passes as it is', async () => {
  const { relay } = relayTo(['one'], new RpcError(-32_042, 'Theirs', { a: 1 }))
  for (const request of [call, prompt]) {
    await expect(relay.handle(request, testClient('2026'))).rejects.toMatchObject({ code: -32_042, data: { a: 1 } })
  }
})

test('what nobody has heard of passes where there is one upstream, and nowhere else', async () => {
  const unknown = { method: 'com.example/odd', params: { a: 1 } }
  const { relay, sent } = relayTo(['one'], { odd: true })
  expect(await relay.handle(unknown, testClient('2026'))).toEqual({ odd: true })
  expect(sent).toEqual([unknown])
  const several = relayTo(['one', 'two'], {})
  await expect(several.relay.handle(unknown, testClient('2026'))).rejects.toMatchObject({ code: -32_601 })
  expect(several.sent).toEqual([])
})

test.each([
  [{ method: 'tools/call', params: { name: 'y' } }, -32_602],
  [{ method: 'tools/call', params: { name: 7 } }, -32_602],
  [{ method: 'tools/call' }, -32_602],
  [{ method: 'prompts/get', params: { name: 'y' } }, -32_602],
  [{ method: 'resources/read', params: { uri: 'file:///x' } }, -32_602],
  [{ method: 'completion/complete', params: { ref: { type: 'ref/prompt', name: 'y' } } }, -32_602],
  [{ method: 'tasks/get', params: { taskId: 'made up' } }, -32_602],
  [{ method: 'tasks/list' }, -32_601],
])('%j is refused, and reaches no upstream', async (request, code) => {
  const { relay, sent } = relayTo(['one'], {})
  await expect(relay.handle(request, testClient('2026'))).rejects.toMatchObject({ code })
  expect(sent).toEqual([])
})

test('a task is found at its upstream by the id that its owner was given, and by nobody else', async () => {
  const { relay, sent } = relayTo(['one'], { task: { taskId: 'theirs', status: 'working' } })
  const { task } = await relay.handle(call, testClient('2025'))
  expect(task.taskId).not.toContain('theirs')
  await relay.handle({ method: 'tasks/get', params: { taskId: task.taskId } }, testClient('2025'))
  expect(sent[1]).toMatchObject({ method: 'tasks/get', params: { taskId: 'theirs' } })
  const eve = testClient('2025')
  const asked = relay.handle(
    { method: 'tasks/get', params: { taskId: task.taskId } },
    { ...eve, owner: { ...eve.owner, subject: 'dev:eve' } },
  )
  await expect(asked).rejects.toMatchObject({ code: -32_602 })
})

test('a client of the 2025 era gets objects as structured content', async () => {
  const { relay } = relayTo(['one'], { content: [], structuredContent: [1, 2] })
  expect(await relay.handle(call, testClient('2025'))).toMatchObject({ structuredContent: { result: [1, 2] } })
  expect(await relay.handle(call, testClient('2026'))).toMatchObject({ structuredContent: [1, 2] })
})
