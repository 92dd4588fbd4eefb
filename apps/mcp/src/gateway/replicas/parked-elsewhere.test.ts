import { join } from 'node:path'
import { startTestRedis, type TestRedis } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ada, testClient } from '../harness/clients.ts'
import { stdioSettings } from '../harness/settings.ts'
import type { Client } from '../relay/client.ts'
import { createForward, type Forward } from '../relay/forward.ts'
import { createSeals } from '../relay/seal.ts'
import type { Members } from '../upstreams/contract.ts'
import { type Member, openMembers } from './harness/members.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startTestRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const program = join(import.meta.dirname, '../harness/counting-command.ts')
const settings = stdioSettings([process.execPath, '--disable-warning=ExperimentalWarning', program])
const seals = createSeals({ secrets: ['a secret for tests, and for nothing else'], clock: Date.now })

function relayOf({ upstream, company }: Member): Forward {
  return createForward({
    seals,
    ownOrigins: [],
    development: true,
    named: false,
    shownTasks: (params) => params,
    upstreamOf: () => upstream,
    parked: 10,
    elsewhere: company.parkedAt(ada.endpoint),
    clock: Date.now,
  })
}

async function scene() {
  const all = await openMembers({ redis: redis.url, count: 2, settings })
  const relays = all.map(relayOf)
  return {
    all,
    /** Asks a replica, as a client that says this to it. */
    ask: (index: number, args: object, given: Partial<Client> = {}) => {
      const client = testClient('2026', given)
      const request = { method: 'tools/call', params: { name: 'ask', arguments: args } }
      return { client, result: (relays[index] as Forward).forward((all[index] as Member).upstream, request, client) }
    },
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  }
}

const back = ({ requestState }: Members, name: string): Partial<Client> => ({
  requestState,
  inputResponses: { question: { action: 'accept', content: { name } } },
  progressToken: 'p',
})
const said = ({ content }: Members) => JSON.parse(content[0].text)

test('a call that waits is taken up from either replica, with progress and the next question, once each', async () => {
  await using it = await scene()
  const args = { times: 3 }
  const first = await it.ask(0, args).result
  expect(first.resultType).toBe('input_required')
  const second = it.ask(1, args, back(first, 'one'))
  const asked = await second.result
  expect(asked.inputRequests.question.method).toBe('elicitation/create')
  expect(second.client.heard).toMatchObject([{ method: 'notifications/progress', params: { progressToken: 'p' } }])
  await expect(it.ask(0, args, back(first, 'again')).result).rejects.toMatchObject({ code: -32_602 })
  const third = await it.ask(0, args, back(asked, 'two')).result
  const last = await it.ask(1, args, back(third, 'three')).result
  expect(said(last)).toMatchObject({ count: 1, answer: { content: { name: 'three' } } })
  await expect(it.ask(0, args, back(third, 'again')).result).rejects.toMatchObject({ code: -32_602 })
})

test('an answer is for its own request, at every replica', async () => {
  await using it = await scene()
  const asked = await it.ask(0, { n: 1 }).result
  await expect(it.ask(1, { n: 1_000 }, back(asked, 'x')).result).rejects.toMatchObject({ code: -32_602 })
  expect(said(await it.ask(1, { n: 1 }, back(asked, 'x')).result)).toMatchObject({ n: 1 })
})

test('where the replica is gone at which it waits, there is one clear error', async () => {
  await using it = await scene()
  const asked = await it.ask(0, {}).result
  await it.all[0][Symbol.asyncDispose]()
  const taken = it.ask(1, {}, back(asked, 'x')).result
  await expect(taken).rejects.toMatchObject({ code: -32_602, message: expect.stringContaining('call again') })
})
