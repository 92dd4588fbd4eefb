// For tests: what a client does with a server, thing by thing. Each says how it went.
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { Era, Members } from '../upstreams/contract.ts'
import { answers, type MatrixClient } from './matrix-clients.ts'
import { bigText, odd, watched } from './matrix-server.ts'

/** A reason why there is nothing to see; undefined: it went well. Rejects where it did not. */
type Cell = (client: MatrixClient, upstream: Era) => Promise<string | undefined>

export const cells: Readonly<Record<string, Cell>> = {
  async call(client) {
    expect(textOf(await call(client, 'echo', { message: 'hi' }))).toBe('Echo: hi')
    return undefined
  },

  async progress(client) {
    const heard: number[] = []
    const before = client.wire.length
    const result = await call(client, 'progress', {}, { onprogress: ({ progress }) => void heard.push(progress) })
    expect(textOf(result)).toBe('done')
    expect(heard).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    const came = client.wire.slice(before).filter(({ method, result }) => method === progressMethod || result)
    expect(came.map(({ method }) => method)).toEqual([...Array(200).fill(progressMethod), undefined])
    return undefined
  },

  async log(client) {
    if (client.era === '2025') await client.request('logging/setLevel', { level: 'debug' })
    const _meta = client.era === '2026' ? { 'io.modelcontextprotocol/logLevel': 'debug' } : undefined
    await client.request('tools/call', { name: 'log', arguments: {}, ...(_meta && { _meta }) })
    await hears(client, ({ method, params }) => method === 'notifications/message' && params.data === 'told')
    return undefined
  },

  async cancel(client) {
    const leaving = new AbortController()
    const waiting = call(client, 'wait', {}, { onprogress: () => leaving.abort(), signal: leaving.signal })
    await expect(waiting).rejects.toThrow()
    expect(textOf(await call(client, 'cancelled'))).toBe('cancelled')
    return undefined
  },

  form: asks('form'),
  url: asks('url'),
  sampling: asks('sampling'),
  roots: asks('roots'),

  async list_changed(client) {
    if (client.era === '2026') await client.listen({ toolsListChanged: true })
    await hearsAfter(client, 'change', ({ method }) => method === 'notifications/tools/list_changed')
    return undefined
  },

  async subscribe(client) {
    if (client.era === '2026') await client.listen({ resourceSubscriptions: [watched] })
    else await client.request('resources/subscribe', { uri: watched })
    const isUpdate = ({ method, params }: Members) =>
      method === 'notifications/resources/updated' && params.uri === watched
    await hearsAfter(client, 'touch', isUpdate)
    return undefined
  },

  async completion(client) {
    const params = { ref: { type: 'ref/prompt', name: 'visit' }, argument: { name: 'city', value: 'pa' } }
    const { completion } = await client.request('completion/complete', params)
    expect(completion.values).toEqual(['paris', 'park'])
    return undefined
  },

  async task(client, upstream) {
    if (client.era !== upstream) {
      const { tools } = await client.request('tools/list')
      expect(tools.find(({ name }: Members) => name === 'task')).not.toHaveProperty('execution')
      expect(textOf(await call(client, 'task'))).toBe('ran plainly')
      return 'tasks do not cross eras: the call ran plainly'
    }
    if (client.era === '2026') {
      await call(client, 'task').catch(() => undefined)
      const { result } = client.wire.findLast(({ result }) => result?.resultType === 'task') as Members
      expect(result).toMatchObject({ status: 'working', taskId: expect.stringMatching(/.{40}/) })
      return "the SDK's client takes no result that is a task; it came"
    }
    const { task } = await client.request('tools/call', { name: 'task', arguments: {}, task: { ttl: 60_000 } })
    expect(task).toMatchObject({ status: 'working', taskId: expect.stringMatching(/.{40}/) })
    const { taskId } = task
    expect(await client.request('tasks/get', { taskId })).toMatchObject({ taskId, status: 'completed' })
    expect(textOf(await client.request('tasks/result', { taskId }))).toBe('done')
    return undefined
  },

  async '9 MB'(client) {
    expect(textOf(await call(client, 'big'))).toHaveLength(bigText)
    return undefined
  },

  async unknown(client) {
    const result = await call(client, 'odd').catch(() => undefined)
    const sent = client.wire.findLast(({ result: one }) => one?.verdict)?.result
    const same = (one: Members | undefined) =>
      isDeepStrictEqual({ ...one, ...odd }, one) && isDeepStrictEqual(one?.content, odd.content)
    expect(same(sent), JSON.stringify(sent)).toBe(true)
    return same(result) ? undefined : "the SDK's client refuses such a block; it came whole"
  },
}

const progressMethod = 'notifications/progress'

function call(
  client: MatrixClient,
  name: string,
  given: Members = {},
  options?: Parameters<MatrixClient['request']>[2],
): Promise<Members> {
  return client.request('tools/call', { name, arguments: given }, options)
}

function asks(kind: keyof typeof answers): Cell {
  return async (client) => {
    expect(JSON.parse(textOf(await call(client, 'ask', { kind })))).toMatchObject(answers[kind])
    return undefined
  }
}

function textOf({ content }: Members): string {
  return content[0].text
}

async function hears(client: MatrixClient, what: (message: Members) => boolean): Promise<void> {
  await expect.poll(() => client.wire.some(what), { timeout: 10_000 }).toBe(true)
}

/** The gateway may begin to listen after the client was told that it does: so it is done again until it is heard. */
async function hearsAfter(client: MatrixClient, tool: string, what: (message: Members) => boolean): Promise<void> {
  const heardAfterOne = async () => {
    await call(client, tool)
    return client.wire.some(what)
  }
  await expect.poll(heardAfterOne, { timeout: 10_000, interval: 200 }).toBe(true)
}
