// The rules of the cache and of the document itself, with a clock and an internet of the test's own.
import { verifies } from '@gatehouse/testing'
import { errors } from 'oidc-provider'
import { expect, test } from 'vitest'
import type { RecordStore } from '../../../store/contract.ts'
import { createSealing } from '../../../store/sealing.ts'
import { openSqliteStore } from '../../../store/sqlite/store.ts'
import { type ClientDocumentsOptions, createClientDocuments } from './client-documents.ts'
import { DocumentUnavailableError } from './document-unavailable.ts'
import { DocumentFetchError, type FetchedDocument } from './safe-fetch.ts'

const documentId = 'https://app.example/client.json'
const oneHour = 3_600
const day = 24 * oneHour

const documentOf = (clientId: string, changes: object = {}) => ({
  client_id: clientId,
  client_name: 'App',
  redirect_uris: ['https://app.example/callback'],
  ...changes,
})

type Answer = object | string | DocumentFetchError

function openScene(options: Partial<ClientDocumentsOptions> = {}) {
  let now = Date.UTC(2026, 11, 1)
  const clock = () => now
  const sealing = createSealing({ secret: 'the secret of the tests of client documents' })
  const store = openSqliteStore({ path: ':memory:', sealing, clock, onTampered: () => undefined })
  const fetched: string[] = []
  /** For how many milliseconds the store is to keep what was put there. */
  const kept: unknown[] = []
  const records: RecordStore = {
    ...store.records,
    put(model, id, payload, expiresIn) {
      kept.push(expiresIn)
      return store.records.put(model, id, payload, expiresIn)
    },
  }
  const told: { readonly host: string; readonly reason: string }[] = []
  const internet = {
    answer: (url: string): Answer => documentOf(url),
    maxAge: undefined as number | undefined,
    delay: 0,
  }
  const fetch = async (url: URL): Promise<FetchedDocument> => {
    fetched.push(url.href)
    if (internet.delay > 0) await new Promise((resolve) => setTimeout(resolve, internet.delay))
    const answer = internet.answer(url.href)
    if (answer instanceof DocumentFetchError) throw answer
    return { text: typeof answer === 'string' ? answer : JSON.stringify(answer), maxAge: internet.maxAge }
  }
  /** One process; all share the store. */
  const openReplica = () =>
    createClientDocuments({
      ...store,
      records,
      clock,
      fetch,
      hosts: { allowed: [], denied: [] },
      onUnread: (unread) => told.push(unread),
      ...options,
    })
  const replica = openReplica()
  return {
    internet,
    fetched,
    kept,
    told,
    openReplica,
    elapse: (seconds: number) => {
      now += seconds * 1000
    },
    find: (clientId = documentId) => replica.find(clientId),
    refusal: (clientId = documentId) => refusal(replica.find(clientId)),
    [Symbol.asyncDispose]: () => store.close(),
  }
}

async function refusal(finding: Promise<unknown>): Promise<string> {
  const error = await finding.then(
    () => 'it was found',
    (thrown: unknown) => thrown,
  )
  expect([errors.InvalidClient, DocumentUnavailableError].some((kind) => error instanceof kind)).toBe(true)
  return String((error as errors.InvalidClient).error_description)
}

const away = () => new DocumentFetchError('unreachable', "the document's address does not answer")
const gone = () => new DocumentFetchError('refused', "the document's address answers with HTTP 404")

verifies(['C1', 'C10'], 'an id that is no clean https address is refused without a fetch', async () => {
  await using scene = openScene()
  for (const id of [
    'http://app.example/client.json',
    'https://app.example',
    'https://app.example/',
    'https://app.example/?x=/client.json',
    'https://user@app.example/client.json',
    'https://user:password@app.example/client.json',
    'https://@app.example/client.json',
    'https://app.example/client.json#x',
    'https://app.example/client.json#',
    'https://app.example/a/../client.json',
    'https://app.example/./client.json',
    'https://app.example/%2e%2E/client.json',
    'https://app.example/a/%2E./client.json',
    'https://app.example\\client.json',
    'https://app.example/a\\..\\client.json',
    'https://app.example/client .json',
    'https://app.exa\tmple/client.json',
    'https://app.example/client.json\n',
    'https://app.example./client.json',
    'https:app.example/client.json',
    'https://APP.example/client.json',
    'https://app.example:443/client.json',
    'https://äpp.example/client.json',
    'https:///app.example/client.json',
    'https://',
    'https://[::1/client.json',
    `https://app.example/${'x'.repeat(8_192)}`,
  ]) {
    expect([id, await scene.refusal(id)]).toEqual([
      id,
      'a client id that is an address must be https, in its normal form, with a path, and without user or fragment',
    ])
  }
  expect(scene.fetched).toEqual([])
})

verifies('C6', 'a document names itself, its redirects and its name, and holds no secret', async () => {
  await using scene = openScene()
  const faulty: readonly (readonly [Answer, RegExp])[] = [
    [documentOf('https://other.example/client.json'), /the client_id in the document is not the address/],
    [documentOf(`${documentId}/`), /the client_id in the document is not the address/],
    [documentOf(documentId.toUpperCase()), /the client_id in the document is not the address/],
    [documentOf(documentId, { client_id: undefined }), /client_id: /],
    [documentOf(documentId, { client_name: undefined }), /client_name: /],
    [documentOf(documentId, { client_name: '' }), /client_name: /],
    [documentOf(documentId, { redirect_uris: undefined }), /redirect_uris: /],
    [documentOf(documentId, { redirect_uris: [] }), /redirect_uris: /],
    [documentOf(documentId, { redirect_uris: 'https://app.example/callback' }), /redirect_uris: /],
    [documentOf(documentId, { client_secret: 'x'.repeat(32) }), /client_secret: must not be in a public document/],
    ...['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'].map(
      (method) => [documentOf(documentId, { token_endpoint_auth_method: method }), /must be "none"/] as const,
    ),
    ['[]', /the document: /],
    [`[${JSON.stringify(documentOf(documentId))}]`, /the document: /],
    ['null', /the document: /],
    ['"text"', /the document: /],
    ['<html>', /is not JSON/],
    ['', /is not JSON/],
    [
      JSON.stringify(documentOf(documentId)).replace('{', `{"x":${'['.repeat(7_000)}${']'.repeat(7_000)},`),
      /nested more than 64/,
    ],
    [`${JSON.stringify(documentOf(documentId))}x`, /is not JSON/],
  ]
  for (const [answer, why] of faulty) {
    scene.internet.answer = () => answer
    const reason = await scene.refusal()
    expect([answer, reason]).toEqual([answer, expect.stringMatching(why)])
    scene.elapse(61)
  }
  scene.internet.answer = () =>
    documentOf(documentId, { client_name: undefined, redirect_uris: [], client_secret: 'planted' })
  const all = await scene.refusal()
  expect(all).toMatch(/client_name.*redirect_uris.*client_secret/)
  expect(all).not.toContain('planted')
})

test('a sound document is the client, as what it is: a document', async () => {
  await using scene = openScene()
  scene.internet.answer = (url) =>
    documentOf(url, { gatehouse_registration: 'static', logo_uri: 'https://app.example/logo' })
  expect(await scene.find()).toEqual({
    ...documentOf(documentId),
    logo_uri: 'https://app.example/logo',
    token_endpoint_auth_method: 'none',
    gatehouse_registration: 'document',
  })
})

test('a document that prefers a method we do not have is taken at "none" if it offers that too', async () => {
  await using scene = openScene()
  const chatgpt = {
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    token_endpoint_auth_signing_alg: 'RS256',
    jwks_uri: 'https://app.example/jwks.json',
  }
  scene.internet.answer = (url) => documentOf(url, chatgpt)
  expect((await scene.find()).token_endpoint_auth_method).toBe('none')
})

verifies('C8', 'a document counts for as long as its owner says, from five minutes to a day', async () => {
  for (const [maxAge, seconds] of [
    [undefined, 300],
    [0, 300],
    [10, 300],
    [oneHour, oneHour],
    [day, day],
    [365 * day, day],
  ] as const) {
    await using scene = openScene()
    scene.internet.maxAge = maxAge
    await scene.find()
    scene.elapse(seconds - 1)
    await scene.find()
    expect([maxAge, scene.fetched.length]).toEqual([maxAge, 1])
    scene.elapse(2)
    await scene.find()
    expect([maxAge, scene.fetched.length]).toEqual([maxAge, 2])
  }
})

verifies(
  'C8',
  'what changed in a document counts once its time is over, and what was taken down counts no more',
  async () => {
    await using scene = openScene()
    const old = 'https://app.example/old'
    scene.internet.answer = (url) => documentOf(url, { redirect_uris: [old] })
    expect((await scene.find()).redirect_uris).toEqual([old])
    scene.internet.answer = (url) => documentOf(url)
    expect((await scene.find()).redirect_uris).toEqual([old])
    scene.elapse(301)
    expect((await scene.find()).redirect_uris).not.toContain(old)
    scene.internet.answer = gone
    scene.elapse(301)
    expect(await scene.refusal()).toContain('404')
  },
)

verifies('C8', 'while its host is away a document counts for a day longer, and not for another', async () => {
  await using scene = openScene()
  await scene.find()
  scene.internet.answer = away
  scene.elapse(301)
  for (let hour = 0; hour < 23; hour += 1) {
    expect((await scene.find()).client_name).toBe('App')
    scene.elapse(oneHour)
  }
  // it was asked for again every time, and a minute at the earliest
  expect(scene.fetched.length).toBe(24)
  await scene.find()
  await scene.find()
  expect(scene.fetched.length).toBe(25)
  scene.elapse(oneHour)
  expect(await scene.refusal()).toContain('does not answer')
  scene.internet.answer = (url) => documentOf(url)
  scene.elapse(61)
  expect((await scene.find()).client_name).toBe('App')
})

test('what counts is kept for as long as it may count, and no longer', async () => {
  await using scene = openScene()
  await scene.find()
  scene.internet.answer = away
  scene.elapse(oneHour)
  await scene.find()
  scene.elapse(day)
  await scene.refusal()
  expect(scene.kept).toEqual([(300 + day) * 1000, (300 + day - oneHour) * 1000, 60_000])
})

verifies('C7', 'a failure counts for a minute, whatever it was', async () => {
  for (const failing of [away, gone, () => '{']) {
    await using scene = openScene()
    scene.internet.answer = failing
    const first = await scene.refusal()
    scene.elapse(58)
    for (let time = 0; time < 100; time += 1) expect(await scene.refusal()).toBe(first)
    expect(scene.fetched.length).toBe(1)
    scene.elapse(3)
    scene.internet.answer = (url) => documentOf(url)
    expect((await scene.find()).client_name).toBe('App')
    expect(scene.fetched.length).toBe(2)
  }
})

verifies('C7', 'a herd causes one fetch, in one process and in several, whether it succeeds or fails', async () => {
  for (const [answer, outcome] of [
    [(url: string) => documentOf(url), 'fulfilled'],
    [gone, 'rejected'],
  ] as const) {
    await using scene = openScene()
    scene.internet.answer = answer
    scene.internet.delay = 100
    const replicas = [scene.openReplica(), scene.openReplica(), scene.openReplica()]
    const herd = replicas.flatMap((replica) => Array.from({ length: 50 }, () => replica.find(documentId)))
    const results = await Promise.allSettled(herd)
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set([outcome]))
    expect(scene.fetched).toEqual([documentId])
  }
})

test('a process that dies while it fetches holds nobody up for longer than a fetch may take', async () => {
  await using scene = openScene()
  scene.internet.delay = 60_000
  void scene.openReplica().find(documentId)
  await expect.poll(() => scene.fetched.length).toBe(1)
  scene.internet.delay = 0
  const began = performance.now()
  expect((await scene.openReplica().find(documentId)).client_name).toBe('App')
  expect(performance.now() - began).toBeLessThan(10_000)
}, 20_000)

verifies(
  'C7',
  'many documents that cannot be had run into the budget of their host, and many good ones of all',
  async () => {
    await using scene = openScene()
    scene.internet.answer = (url) => (url.startsWith('https://one.example/') ? gone() : documentOf(url))
    const busy = async (clientId: string) => {
      const error: unknown = await scene.find(clientId).catch((thrown: unknown) => thrown)
      return error instanceof Error && 'error' in error ? [error.error, (error as { status?: number }).status] : 'found'
    }
    const tooMany = ['temporarily_unavailable', 503]
    for (let time = 0; time < 20; time += 1)
      expect(await busy(`https://one.example/${time}`)).toEqual(['invalid_client', 400])
    for (let time = 20; time < 200; time += 1) expect(await busy(`https://one.example/${time}`)).toEqual(tooMany)
    // what that host was refused took nothing from the others
    expect(await busy('https://two.example/client')).toBe('found')
    for (let time = 0; scene.fetched.length < 120; time += 1) await busy(`https://h${time}.example/client`)
    expect(await busy('https://three.example/client')).toEqual(tooMany)
    // what is known stays known
    expect(await busy('https://two.example/client')).toBe('found')
    scene.elapse(61)
    expect(await busy('https://three.example/client')).toBe('found')
  },
)

verifies('C7', 'a document whose time is over outlives a budget that is used up', async () => {
  await using scene = openScene()
  await scene.find()
  scene.elapse(301)
  for (let time = 0; time < 120; time += 1) await scene.find(`https://h${time}.example/client`)
  expect((await scene.find()).client_name).toBe('App')
  expect(scene.fetched.filter((url) => url === documentId).length).toBe(1)
})

test('what could not be read is told once a minute for each host, and a fault of the client is not its end', async () => {
  await using scene = openScene({ hosts: { allowed: [], denied: ['evil.example'] } })
  scene.internet.answer = away
  const reasonOf = async (clientId: string) => {
    const error: unknown = await scene.find(clientId).catch((thrown: unknown) => thrown)
    return error instanceof DocumentUnavailableError ? error.reason : 'invalid_client'
  }
  for (let time = 0; time < 3; time += 1) expect(await reasonOf(`${documentId}?${time}`)).toBe('unreachable')
  for (let time = 0; time < 3; time += 1) expect(await reasonOf('https://evil.example/client')).toBe('not_admitted')
  expect(scene.told.map(({ host }) => host)).toEqual(['app.example', 'evil.example'])
  scene.elapse(61)
  scene.internet.answer = gone
  expect(await reasonOf(documentId)).toBe('invalid_client')
  expect(scene.told[2]).toEqual({ host: 'app.example', reason: "the document's address answers with HTTP 404" })
})

test('hosts are admitted by list, or kept out by list with what is below them, and nothing is asked of the others', async () => {
  await using open = openScene({ hosts: { allowed: [], denied: ['evil.example'] } })
  for (const host of ['evil.example', 'evil.example:8443', 'deep.below.evil.example'])
    expect(await open.refusal(`https://${host}/client`)).toMatch(/are not admitted here/)
  expect(open.fetched).toEqual([])
  for (const host of ['notevil.example', 'evil.example.org'])
    expect((await open.find(`https://${host}/client`)).client_name).toBe('App')

  await using closed = openScene({ hosts: { allowed: ['app.example', 'evil.example'], denied: ['evil.example'] } })
  expect((await closed.find()).client_name).toBe('App')
  for (const host of ['evil.example', 'other.example', 'sub.app.example', 'app.example.org'])
    expect(await closed.refusal(`https://${host}/client`)).toMatch(/are not admitted here/)
  expect(closed.fetched).toEqual([documentId])
})

test('what a stranger can make us keep is small: 5 KB, what nobody reads not counted', async () => {
  await using scene = openScene()
  scene.internet.answer = (url) => documentOf(url, { x: 'y'.repeat(5_120) })
  expect(await scene.refusal()).toContain('more than 5120 characters')
  const other = 'https://app.example/other.json'
  scene.internet.answer = (url) => documentOf(url, { jwks: { keys: [{ kty: 'RSA', n: 'y'.repeat(8_000) }] } })
  expect(await scene.find(other)).not.toHaveProperty('jwks')
})

test('new documents are let in as registrations are, by the hour; those that are known are read on', async () => {
  await using scene = openScene()
  const address = (n: number) => `https://evil.example/c/${n}`
  let kept = 0
  for (let minute = 0; minute < 6; minute += 1) {
    for (let n = 0; n < 90; n += 1) {
      const found = await scene.find(address(minute * 90 + n)).catch((error: Error) => error)
      if (!(found instanceof Error)) kept += 1
    }
    scene.elapse(61)
  }
  expect(kept, 'of a network that nobody knows, all from the pot that is shared').toBe(400)
  const reads = scene.fetched.length
  expect((await scene.find(address(0))).client_name).toBe('App')
  expect(scene.fetched.length, 'it was read again').toBe(reads + 1)
  scene.elapse(oneHour)
  expect((await scene.find(address(539))).client_name).toBe('App')
})

test('documents that are not kept use up nothing of what may be kept', async () => {
  await using scene = openScene()
  scene.internet.answer = gone
  for (let minute = 0; minute < 60; minute += 1) {
    for (let n = 0; n < 8; n += 1) await scene.refusal(`https://gone.example/${minute}/${n}`)
    scene.elapse(61)
  }
  scene.internet.answer = (url) => documentOf(url)
  expect((await scene.find()).client_name).toBe('App')
})
