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
  return { there, doer, call: () => caller.call('r1', 'op', {}, company) }
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
