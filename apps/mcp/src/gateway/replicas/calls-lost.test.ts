import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ReplicaLostError } from './call-errors.ts'
import { createCalls } from './calls.ts'
import { type FakeReplicas, fakeReplicas } from './harness/fake-replicas.ts'
import { createSealedMail } from './sealed-mail.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function pair() {
  const [here, there] = fakeReplicas(2) as [FakeReplicas, FakeReplicas]
  const mail = createSealedMail(['a secret for tests, and for nothing else'])
  const [caller, doer] = [here, there].map((replicas) =>
    createCalls({ replicas, mail, onerror: (error) => expect.unreachable(String(error)) }),
  ) as [ReturnType<typeof createCalls>, ReturnType<typeof createCalls>]
  const company = { signal: new AbortController().signal, hear: () => undefined, ask: async () => undefined }
  return { there, doer, call: (given = {}) => caller.call('r1', 'op', {}, { ...company, ...given }) }
}

test('an answer that is lost on its way ends the call with an error, and it is not made again', async () => {
  const { there, doer, call } = pair()
  let ran = 0
  doer.serve('op', async (_input, caller) => {
    await caller.begin()
    ran += 1
    return 'done'
  })
  let mails = 0
  there.before = async () => {
    mails += 1
    return mails === 2 ? 'lost' : undefined // it has begun, and then its answer
  }
  const outcome = call().catch((error) => error)
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await outcome).toBeInstanceOf(ReplicaLostError)
  expect(ran).toBe(1)
})

test('a call that takes its time is left to take it', async () => {
  const { doer, call } = pair()
  doer.serve('op', async (_input, caller) => {
    await caller.begin()
    await new Promise((resolve) => setTimeout(resolve, 300_000))
    return 'done'
  })
  const outcome = call()
  await vi.advanceTimersByTimeAsync(301_000)
  expect(await outcome).toBe('done')
})

test('words that come faster than they can be sent arrive all, in order, before the question and the answer after them', async () => {
  const { there, doer, call } = pair()
  const heard: unknown[] = []
  doer.serve('op', async (_input, caller) => {
    await caller.begin()
    for (let n = 1; n <= 200; n += 1) caller.tell(n)
    const answer = await caller.ask('?')
    for (let n = 201; n <= 210; n += 1) caller.tell(n)
    return answer
  })
  there.before = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return undefined
  }
  const company = {
    hear: (event: unknown) => void heard.push(event),
    ask: async (question: unknown) => {
      heard.push(question)
      return 'so'
    },
  }
  const outcome = call(company)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(await outcome).toBe('so')
  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)
  expect(heard).toEqual([...numbers(1, 200), '?', ...numbers(201, 210)])
})

test('words that would not go into one message go in several', async () => {
  const { there, doer, call } = pair()
  const heard: string[] = []
  const large = 'x'.repeat(9 * 1_024 * 1_024)
  doer.serve('op', async (_input, caller) => {
    await caller.begin()
    for (const word of ['a', 'b', large, large, 'c']) caller.tell(word)
    return 'done'
  })
  there.before = async () => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    return undefined
  }
  const outcome = call({ hear: (event: string) => void heard.push(event) })
  await vi.advanceTimersByTimeAsync(20_000)
  expect(await outcome).toBe('done')
  expect(
    heard.map((word) => word.slice(0, 1)),
    'what is too much is dropped, and nothing with it',
  ).toEqual(['a', 'b', 'x'])
})
