// Refresh tokens that are presented again: the same answer within the grace, the end of the family after it.
import { verifies } from '@gatehouse/testing'
import { describe, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import { otherTerminal } from '../../harness/clients.ts'
import { errorOf, logInOnDevice, refresh, refused } from '../../harness/flows.ts'
import type { Store } from '../../store/contract.ts'
import { createSealing } from '../../store/sealing.ts'

const invalidGrant = refused(400, 'invalid_grant')

async function signedIn(
  options: Parameters<typeof startAuthServer>[0] = {},
): Promise<{ server: AuthServer; token: string }> {
  const server = await startAuthServer(options)
  const { refresh_token: token = '' } = await logInOnDevice(server)
  return { server, token: token as string }
}

describe('within the grace', () => {
  verifies(
    ['F2', 'F3'],
    'eight parallel refreshes, and one that comes later, get one and the same answer',
    async () => {
      const { server, token } = await signedIn()
      await using _ = server
      const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(server, token)))
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
      server.elapse(29)
      const late = await refresh(server, token)
      expect(new Set([...answers, late].map(({ text }) => text)).size).toBe(1)
      expect((await refresh(server, late.json.refresh_token)).status, 'the successor is good').toBe(200)
    },
  )

  verifies('F4', 'another client gets nothing and does no harm', async () => {
    const { server, token } = await signedIn()
    await using _ = server
    const { json } = await refresh(server, token)
    expect(errorOf(await refresh(server, token, { client_id: otherTerminal.client_id }))).toEqual(invalidGrant)
    expect((await refresh(server, json.refresh_token)).status).toBe(200)
  })

  verifies(
    'F7',
    'other parameters get what the first ones got: no more, and no word on what became of it',
    async () => {
      const { server, token } = await signedIn()
      await using _ = server
      const first = await refresh(server, token, { scope: 'mcp:tools:read' })
      expect(first.json.scope).toBe('mcp:tools:read')
      expect((await refresh(server, token)).text).toBe(first.text)
      expect((await refresh(server, first.json.refresh_token)).status).toBe(200)
    },
  )

  verifies('N7', 'the same successor for another program, too, and a line in the log', async () => {
    const { server, token } = await signedIn()
    await using _ = server
    const { text } = await refresh(server, token)
    const thief = await server.token(
      { grant_type: 'refresh_token', client_id: 'terminal', refresh_token: token },
      { 'user-agent': 'other/1' },
    )
    expect(thief.text).toBe(text)
    expect(server.log()).toContain('"elsewhere":true')
    expect(await server.metrics()).toMatch(/^gatehouse_alarms_total\{alarm="replay"\} [1-9]/m)
  })

  verifies('N7', 'who asks again as before is noted, who asks from elsewhere is warned of', async () => {
    const { server, token } = await signedIn({ environment: { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' } })
    await using _ = server
    const ask = (from: string, agent: string) =>
      server.token(
        { grant_type: 'refresh_token', client_id: 'terminal', refresh_token: token },
        { 'x-forwarded-for': from, 'user-agent': agent },
      )
    await ask('203.0.113.7', 'app/1')
    await ask('203.0.113.7', 'app/1')
    await ask('198.51.100.9', 'app/1')
    await ask('203.0.113.7', 'app/2')
    const lines = server
      .log()
      .split('\n')
      .filter((line) => line.includes('"elsewhere"'))
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 30, clientId: 'terminal', elsewhere: false },
      { level: 40, clientId: 'terminal', elsewhere: true },
      { level: 40, clientId: 'terminal', elsewhere: true },
    ])
  })

  verifies('F3', 'the answer is stored so that only the presented token opens it', async () => {
    const written: string[] = []
    const sealed: Buffer[] = []
    const { server, token } = await signedIn({
      wrapStore: (store) => ({
        ...store,
        records: {
          ...store.records,
          create: (model, id, payload, ...rest) => {
            written.push(JSON.stringify([id, payload]))
            if (model === 'RedeemedAnswer') sealed.push(Buffer.from(String(payload.sealed), 'base64'))
            return store.records.create(model, id, payload, ...rest)
          },
        },
      }),
    })
    await using _ = server
    const { json } = await refresh(server, token)
    expect(written.length).toBeGreaterThan(0)
    for (const secret of [token, json.refresh_token, json.access_token]) expect(written.join()).not.toContain(secret)
    const last = sealed.at(-1) ?? Buffer.alloc(0)
    const openWith = (secret: string, clientId = 'terminal') =>
      createSealing({ secret }).open('RedeemedAnswer', clientId, last)
    expect(openWith(token)).toMatchObject({ answer: { refresh_token: json.refresh_token } })
    for (const secret of [json.refresh_token ?? '', 'the secret of the tests of the authorization server'])
      expect(() => openWith(secret)).toThrow()
    expect(() => openWith(token, otherTerminal.client_id)).toThrow()
  })
})

verifies('F1', 'after the grace a used token ends the family', async () => {
  const { server, token } = await signedIn()
  await using _ = server
  const { json } = await refresh(server, token)
  server.elapse(31)
  expect(errorOf(await refresh(server, token))).toEqual(invalidGrant)
  expect(errorOf(await refresh(server, json.refresh_token))).toEqual(invalidGrant)
})

verifies('F3', 'one variable turns the grace off', async () => {
  const { server, token } = await signedIn({ environment: { AUTH_LIFETIMES: '{"reuseGrace":0}' } })
  await using _ = server
  const { json } = await refresh(server, token)
  expect(errorOf(await refresh(server, token)), 'a moment later it may be a race').toEqual(invalidGrant)
  server.elapse(3)
  expect(errorOf(await refresh(server, token))).toEqual(invalidGrant)
  expect(errorOf(await refresh(server, json.refresh_token))).toEqual(invalidGrant)
})

/** Signed in at a server that fails where it would record an answer, as often as `deaths` says. */
async function signedInAtDying() {
  const left = { deaths: 0 }
  const dying = (store: Store): Store => ({
    ...store,
    records: {
      ...store.records,
      create: (model, ...rest) => {
        if (model === 'RedeemedAnswer' && left.deaths > 0) {
          left.deaths -= 1
          return Promise.reject(new Error('the process is gone'))
        }
        return store.records.create(model, ...rest)
      },
    },
  })
  return { ...(await signedIn({ wrapStore: dying })), left }
}

test('a process that dies between using the token up and answering costs nobody the login', async () => {
  const { server, token, left } = await signedInAtDying()
  await using _ = server
  left.deaths = 1
  expect((await refresh(server, token)).status).toBe(500)
  const answers = await Promise.all(Array.from({ length: 4 }, () => refresh(server, token)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  const again = await refresh(server, token)
  expect(again.text).toBe(answers[0]?.text)
  expect((await refresh(server, again.json.refresh_token)).status).toBe(200)
})

test('if the one that takes over dies, too, the client is told to come back, and gets its answer then', {
  timeout: 20_000,
}, async () => {
  const { server, token, left } = await signedInAtDying()
  await using _ = server
  left.deaths = 2
  expect((await refresh(server, token)).status).toBe(500)
  expect((await refresh(server, token)).status).toBe(500)
  const third = await refresh(server, token)
  expect(errorOf(third)).toEqual(refused(503, 'temporarily_unavailable'))
  expect(third.headers['retry-after']).toBe('1')
  server.elapse(5)
  const fourth = await refresh(server, token)
  expect(fourth.status).toBe(200)
  expect((await refresh(server, fourth.json.refresh_token)).status).toBe(200)
})
