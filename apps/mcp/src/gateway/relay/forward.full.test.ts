import { expect, test } from 'vitest'
import { testClient } from '../harness/clients.ts'
import { startFixture } from '../harness/fixture-upstream.ts'
import { legacyUpstream, modernUpstream, testUpstream } from '../harness/upstreams.ts'
import { type Members, RpcError, type Upstream } from '../upstreams/contract.ts'
import { createForward, type ForwardOptions } from './forward.ts'
import { createSeals } from './seal.ts'

const secret = 'a secret for tests, and for nothing else'

function forwarder(given: Partial<ForwardOptions> = {}) {
  return createForward({
    seals: createSeals({ secrets: [secret], clock: Date.now }),
    ownOrigins: ['https://login.example.com', 'https://mcp.example.com'],
    development: true,
    named: false,
    shownTasks: (params) => params,
    upstreamOf: () => undefined,
    parked: 10,
    clock: Date.now,
    ...given,
  })
}

const legacyQuestion = { method: 'tools/call', params: { name: 'trigger-elicitation-request', arguments: {} } }
const modernQuestion = {
  method: 'tools/call',
  params: { name: 'test_input_required_result_elicitation', arguments: {} },
}
const answer = { action: 'accept', content: { name: 'Ada' } }

function textOf(result: Members): string {
  return JSON.stringify(result.content)
}

test('2025 to 2025: the question goes on the stream of the call', async () => {
  await using upstream = await legacyUpstream()
  const client = testClient('2025')
  const result = await forwarder().forward(upstream, legacyQuestion, client)
  expect(client.asked).toMatchObject([{ method: 'elicitation/create' }])
  expect(textOf(result)).toContain('provided the requested information')
  expect(result).not.toHaveProperty('resultType')
})

test('2025 to 2026: what is no longer allowed when the answer comes is not sent again', async () => {
  await using upstream = await modernUpstream()
  const judgeAgain = () => {
    throw new RpcError(-32_602, 'Tool ask not found')
  }
  const client = testClient('2025', { judgeAgain })
  await expect(forwarder().forward(upstream, modernQuestion, client)).rejects.toThrow('Tool ask not found')
  expect(client.asked).toHaveLength(1)
})

test('2025 to 2026: the question that is a result is put as one, and the call made again with its answer', async () => {
  await using upstream = await modernUpstream()
  const client = testClient('2025')
  const result = await forwarder().forward(upstream, modernQuestion, client)
  expect(client.asked).toMatchObject([{ method: 'elicitation/create' }])
  expect(textOf(result)).toContain('Ada')
  expect(result).not.toHaveProperty('resultType')
  expect(result).not.toHaveProperty('_meta')
})

test('2026 to 2026: question, answer and a state that the upstream gave', async () => {
  await using upstream = await modernUpstream()
  const forward = forwarder()
  const question = await forward.forward(upstream, modernQuestion, testClient('2026'))
  expect(question).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) })
  const [key] = Object.keys(question.inputRequests)
  const { requestState } = question
  const inputResponses = { [key as string]: answer }
  const result = await forward.forward(upstream, modernQuestion, testClient('2026', { requestState, inputResponses }))
  expect(result.resultType).toBe('complete')
  expect(textOf(result)).toContain('Ada')
})

test('2026 to 2025: the call waits for the client to come back, once', async () => {
  await using upstream = await legacyUpstream()
  const forward = forwarder()
  const question = await forward.forward(upstream, legacyQuestion, testClient('2026'))
  expect(question).toMatchObject({
    resultType: 'input_required',
    inputRequests: { question: { method: 'elicitation/create' } },
  })
  expect(forward.parked).toBe(1)
  const { requestState } = question
  const back = () => testClient('2026', { requestState, inputResponses: { question: answer } })
  expect(textOf(await forward.forward(upstream, legacyQuestion, back()))).toContain(
    'provided the requested information',
  )
  expect(forward.parked).toBe(0)
  await expect(forward.forward(upstream, legacyQuestion, back())).rejects.toMatchObject({ code: -32_602 })
})

test('an answer counts for what was asked, and for who was asked', async () => {
  await using upstream = await legacyUpstream()
  const forward = forwarder()
  const { requestState } = await forward.forward(upstream, legacyQuestion, testClient('2026'))
  const inputResponses = { question: answer }
  const other = { ...legacyQuestion, params: { ...legacyQuestion.params, arguments: { amount: 1000 } } }
  const mine = testClient('2026', { requestState, inputResponses })
  await expect(forward.forward(upstream, other, mine)).rejects.toMatchObject({ code: -32_602 })
  const theirs = { ...mine, owner: { ...mine.owner, subject: 'dev:eve' } }
  await expect(forward.forward(upstream, legacyQuestion, theirs)).rejects.toMatchObject({ code: -32_602 })
  expect(forward.parked).toBe(1)
  forward.close()
})

test('arguments are told apart, whatever they look like as a list of members', async () => {
  await using upstream = await legacyUpstream()
  const forward = forwarder()
  const asked = (args: unknown) => ({ ...legacyQuestion, params: { ...legacyQuestion.params, arguments: args } })
  const { requestState } = await forward.forward(upstream, asked({ a: [['b', 1]] }), testClient('2026'))
  const back = testClient('2026', { requestState, inputResponses: { question: answer } })
  await expect(forward.forward(upstream, asked({ a: { b: 1 } }), back)).rejects.toMatchObject({ code: -32_602 })
  forward.close()
})

/** Of 2026-07-28, and answers every request in this way. */
function answering(answer: () => Members) {
  const calls: Members[] = []
  const upstream = {
    settings: { name: 'odd', questions: { form: true, url: true, roots: true, sampling: true } },
    describe: async () => ({ era: '2026' }),
    async request(request: Members) {
      calls.push(request)
      return answer()
    },
  } as unknown as Upstream
  return { upstream, calls }
}

test('an upstream that asks again and again without a question comes to an end', async () => {
  const { upstream, calls } = answering(() => ({ resultType: 'input_required', requestState: 's' }))
  const result = forwarder().forward(upstream, modernQuestion, testClient('2025'))
  await expect(result).rejects.toMatchObject({ code: -32_603, message: expect.stringContaining('10 times') })
  expect(calls).toHaveLength(11)
})

test('an error does not send people to our own pages either', async () => {
  const elicitations = [{ mode: 'url', elicitationId: 'e', message: 'x', url: 'https://login.example.com/device' }]
  const { upstream } = answering(() => {
    throw new RpcError(-32_042, 'Go there', { elicitations })
  })
  for (const era of ['2025', '2026'] as const) {
    const result = forwarder().forward(upstream, modernQuestion, testClient(era))
    await expect(result).rejects.toMatchObject({ code: -32_603, message: expect.stringContaining('own pages') })
  }
})

test('a task that waits for an answer asks under the same rules, and fails under them', async () => {
  const url = 'https://login.example.com/device?user_code=ABCD'
  const question = { method: 'elicitation/create', params: { mode: 'url', message: 'x', elicitationId: 'e', url } }
  const get = { method: 'tasks/get', params: { taskId: 't' } }
  const asking = answering(() => ({ taskId: 't', status: 'input_required', inputRequests: { q: question } }))
  const asked = forwarder().forward(asking.upstream, get, testClient('2026'))
  await expect(asked).rejects.toMatchObject({ message: expect.stringContaining('own pages') })
  const form = { method: 'elicitation/create', params: { message: 'Your name?', requestedSchema: {} } }
  const fine = answering(() => ({ taskId: 't', status: 'input_required', inputRequests: { q: form } }))
  const named = await forwarder({ named: true }).forward(fine.upstream, get, testClient('2026'))
  expect(named).toMatchObject({ taskId: 't', inputRequests: { q: { params: { message: 'odd: Your name?' } } } })
  const data = { elicitations: [{ mode: 'url', message: 'x', elicitationId: 'e', url }] }
  const failing = answering(() => ({ taskId: 't', status: 'failed', error: { code: -32_042, message: 'Go', data } }))
  const failed = await forwarder().forward(failing.upstream, get, testClient('2026'))
  expect(failed.error).toMatchObject({ code: -32_603, message: expect.stringContaining('own pages') })
  expect(JSON.stringify(failed)).not.toContain('login.example.com')
})

test('what is between the upstream and us is not told as if it were about us', async () => {
  for (const code of [-32_020, -32_022]) {
    const { upstream } = answering(() => {
      throw new RpcError(code, 'Odd version')
    })
    await expect(forwarder().forward(upstream, modernQuestion, testClient('2026'))).rejects.toMatchObject({
      code: -32_603,
      message: 'Odd version',
    })
  }
})

test('a state that could not come back is a fault of its upstream', async () => {
  const { upstream } = answering(() => ({ resultType: 'input_required', requestState: '"'.repeat(10_000) }))
  const result = forwarder().forward(upstream, modernQuestion, testClient('2026'))
  await expect(result).rejects.toMatchObject({ fault: 'invalid', message: expect.stringContaining('requestState') })
})

test('a call that ended while it waited leaves its place', async () => {
  const upstream = {
    settings: { name: 'odd', questions: { form: true, url: true, roots: true, sampling: true } },
    describe: async () => ({ era: '2025' }),
    async request(_request: Members, { ask }: { ask(question: object): Promise<Members> }) {
      await Promise.resolve()
      void ask({ method: 'elicitation/create', params: { message: 'Your name?' } })
      return ended
    },
  } as unknown as Upstream
  const { promise: ended, reject } = Promise.withResolvers<Members>()
  const forward = forwarder()
  await forward.forward(upstream, legacyQuestion, testClient('2026'))
  expect(forward.parked).toBe(1)
  reject(new Error('gone'))
  await expect.poll(() => forward.parked).toBe(0)
})

test('a client has so many calls that wait, and no more', async () => {
  await using upstream = await legacyUpstream()
  const forward = forwarder({ parked: 1 })
  await forward.forward(upstream, legacyQuestion, testClient('2026'))
  const second = forward.forward(upstream, legacyQuestion, testClient('2026'))
  await expect(second).rejects.toMatchObject({ code: -32_603, message: expect.stringContaining('answer one first') })
  forward.close()
})

test('with several upstreams a question says whose it is', async () => {
  await using upstream = await legacyUpstream({ name: 'ledger' })
  const client = testClient('2025')
  await forwarder({ named: true }).forward(upstream, legacyQuestion, client)
  expect(client.asked[0]?.params?.message).toMatch(/^ledger: /)
})

test('an upstream is told of no capability that the file turns off', async () => {
  const questions = { form: false, url: false, roots: false, sampling: false }
  await using upstream = await legacyUpstream({ questions })
  const client = testClient('2025')
  await expect(forwarder().forward(upstream, legacyQuestion, client)).resolves.toBeDefined()
  expect(client.asked).toEqual([])
})

test('a client that leaves ends its call, not one that waits for its answer', async () => {
  await using upstream = await legacyUpstream()
  const forward = forwarder()
  const leaving = new AbortController()
  const { requestState } = await forward.forward(
    upstream,
    legacyQuestion,
    testClient('2026', { signal: leaving.signal }),
  )
  leaving.abort()
  const back = testClient('2026', { requestState, inputResponses: { question: answer } })
  expect(textOf(await forward.forward(upstream, legacyQuestion, back))).toContain('provided')

  const gone = new AbortController()
  const long = {
    method: 'tools/call',
    params: { name: 'trigger-long-running-operation', arguments: { duration: 60, steps: 60 } },
  }
  const waiting = forward.forward(upstream as Upstream, long, testClient('2026', { signal: gone.signal }))
  setTimeout(() => gone.abort(), 50)
  await expect(waiting).rejects.toMatchObject({ fault: 'timeout' })
})

test('a call that waits and others of the same session do not get into each other’s way', async () => {
  await using fixture = await startFixture('http 2025')
  await using upstream = testUpstream(fixture.settings)
  const forward = forwarder()
  const roots = { method: 'tools/call', params: { name: 'test_input_required_result_list_roots', arguments: {} } }
  const name = { method: 'tools/call', params: { name: 'test_input_required_result_elicitation', arguments: {} } }
  const capabilities = { elicitation: {}, roots: {} }
  const first = await forward.forward(upstream, name, testClient('2026', { capabilities }))
  const second = await forward.forward(upstream, roots, testClient('2026', { capabilities }))
  const back = ({ requestState }: Members, question: Members) =>
    testClient('2026', { capabilities, requestState, inputResponses: { question } })
  expect(textOf(await forward.forward(upstream, roots, back(second, { roots: [] })))).toContain('Roots: []')
  expect(textOf(await forward.forward(upstream, name, back(first, answer)))).toContain('Ada')
})
