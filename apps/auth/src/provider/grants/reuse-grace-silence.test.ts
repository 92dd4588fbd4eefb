// What a thief who stole a refresh token or a device code learns from the grace: whether its owner used it, and with it when to
// come for the owner's next one.
import { verifies } from '@gatehouse/testing'
import { describe, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import { basic, otherTerminal, terminal, website } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { approvedDevice, errorOf, logInOnDevice, obtainCode, refresh, refused } from '../../harness/flows.ts'
import type { Answer, Headers } from '../../harness/http.ts'

const invalidGrant = refused(400, 'invalid_grant')
const behindProxy = { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' }
const owner = { 'x-forwarded-for': '203.0.113.7', 'user-agent': 'app/1' }
const thief = { 'x-forwarded-for': '198.51.100.9', 'user-agent': 'curl/8' }

/** All that an answer is, but for the second in which it was given. */
function whole({ status, headers: { date: _, ...headers }, text }: Answer) {
  return { status, headers, text }
}

const present = (server: AuthServer, token: string | undefined, headers: Headers, fields: object = {}) =>
  server.token(
    { grant_type: 'refresh_token', client_id: terminal.client_id, refresh_token: token ?? '', ...fields },
    headers,
  )

const probes: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'a scope that was not granted': [['scope', 'mcp:tools:notify']],
  'a scope of which nothing is known': [['scope', 'nonsense']],
  'a scope that cannot be read': [['scope', '"']],
  'another resource': [['resource', 'https://elsewhere.example/mcp']],
  'two resources': [
    ['resource', 'http://localhost:3000/mcp'],
    ['resource', 'https://elsewhere.example/mcp'],
  ],
  'another client': [['client_id', otherTerminal.client_id]],
  'a client that nobody knows': [['client_id', 'nobody']],
  'a secret where the client has none': [['client_secret', 'guess-guess-guess']],
  'a doubled token': [['refresh_token', 'x']],
}

describe('a refresh token', () => {
  for (const [name, fields] of Object.entries(probes))
    verifies(['N7', 'F7'], `with ${name} gets one answer, whether its owner used it or not`, async () => {
      await using server = await startAuthServer({ environment: behindProxy })
      const { refresh_token: token = '' } = await logInOnDevice(server)
      const usual: readonly (readonly [string, string])[] = [
        ['grant_type', 'refresh_token'],
        ['refresh_token', token],
        ...(fields.some(([field]) => field === 'client_id') ? [] : [['client_id', terminal.client_id] as const]),
      ]
      const probe = async () => whole(await server.token([...usual, ...fields], thief))
      const unused = await probe()
      const { json, status } = await present(server, token, owner)
      const used = await probe()
      server.elapse(29)
      expect([status, used, await probe()]).toEqual([200, unused, unused])
      expect((await present(server, json.refresh_token, owner)).status, 'and the sign-in stands').toBe(200)
    })

  verifies('N7', 'that is felt for is counted, and is a warning', async () => {
    await using server = await startAuthServer()
    const { refresh_token: token } = await logInOnDevice(server)
    for (const fields of [
      { scope: 'nonsense' },
      { resource: 'https://elsewhere.example/mcp' },
      { client_id: otherTerminal.client_id },
    ])
      await refresh(server, token, fields)
    const lines = server.log().split('\n')
    expect(lines.filter((line) => line.includes('in a request with a fault'))).toHaveLength(3)
    expect(await server.metrics()).toContain('gatehouse_alarms_total{alarm="probe"} 3')
  })

  verifies('N7', 'is active at introspection before and in the grace, and not after it', async () => {
    await using server = await startAuthServer()
    const redirect_uri = website.redirect_uris[0]
    const code = await obtainCode(server, { changes: { client_id: website.client_id, redirect_uri } })
    const { refresh_token: token = '' } = (await code.redeem({}, basic(website))).json
    const ask = async (secret = token) => whole(await server.post('/introspect', { token: secret }, basic(website)))
    const unused = await ask()
    expect(JSON.parse(unused.text)).toMatchObject({ active: true })
    const used = await server.token({ grant_type: 'refresh_token', refresh_token: token }, basic(website))
    expect(used.status).toBe(200)
    server.elapse(29)
    expect(await ask()).toEqual(unused)
    server.elapse(2)
    expect(JSON.parse((await ask()).text)).toEqual({ active: false })
  })

  verifies('N7', 'that is revoked in the grace ends the sign-in, as one that was not used does', async () => {
    await using server = await startAuthServer()
    const revoke = async (isUsed: boolean) => {
      const { refresh_token: token = '' } = await logInOnDevice(server)
      const next = isUsed ? (await refresh(server, token)).json.refresh_token : token
      const answer = await server.post('/revoke', { token, client_id: terminal.client_id })
      expect(errorOf(await refresh(server, next))).toEqual(invalidGrant)
      return whole(answer)
    }
    expect(await revoke(true)).toEqual(await revoke(false))
  })
})

verifies(
  'N7',
  'a device code that is presented with another resource is refused alike before and in the grace',
  async () => {
    await using server = await startAuthServer()
    const device = await approvedDevice(server)
    const probe = async () => whole(await device.poll({ resource: 'https://elsewhere.example/mcp' }))
    const unused = await probe()
    const { status, json } = await device.poll()
    expect([status, await probe()]).toEqual([200, unused])
    expect((await refresh(server, json.refresh_token)).status).toBe(200)
  },
)

describe('from another address and another program', () => {
  verifies('N7', 'a redeemed token ends the sign-in for both, with a warning', async () => {
    await using server = await startAuthServer({ environment: behindProxy })
    const { refresh_token: token } = await logInOnDevice(server)
    const { json } = await present(server, token, owner)
    expect(errorOf(await present(server, token, thief))).toEqual(invalidGrant)
    expect(errorOf(await present(server, json.refresh_token, owner))).toEqual(invalidGrant)
    expect(server.log()).toContain('the sign-in was ended')
    expect(await server.metrics()).toContain('gatehouse_alarms_total{alarm="replay"} 1')
  })

  verifies('N7', 'a device code that was redeemed ends the sign-in, too', async () => {
    await using server = await startAuthServer({ environment: behindProxy })
    const device = await approvedDevice(server)
    const { json } = await device.poll({}, owner)
    expect(errorOf(await device.poll({}, thief))).toEqual(invalidGrant)
    expect(errorOf(await present(server, json.refresh_token, owner))).toEqual(invalidGrant)
  })

  test('a program that moved, or moves within its IPv6 network, gets its answer', async () => {
    await using server = await startAuthServer({ environment: behindProxy })
    const { refresh_token: token } = await logInOnDevice(server)
    const { text } = await present(server, token, { ...owner, 'x-forwarded-for': '2001:db8:1:2::1' })
    const within = { 'x-forwarded-for': '2001:db8:1:2:abcd::9', 'user-agent': 'app/2' }
    for (const from of [within, { ...owner, 'x-forwarded-for': '192.0.2.5' }])
      expect((await present(server, token, from)).text).toBe(text)
  })

  test('the operator may have it answered', async () => {
    await using server = await startAuthServer({ environment: { ...behindProxy, AUTH_REUSE_ELSEWHERE: 'answer' } })
    const { refresh_token: token } = await logInOnDevice(server)
    const { text } = await present(server, token, owner)
    expect((await present(server, token, thief)).text).toBe(text)
  })
})

/** An owner that renews every ten minutes, and a thief with a copy of the first token who does `steal` every second. */
async function follow(
  server: AuthServer,
  steal: (stolen: string, second: number) => Promise<string | undefined>,
): Promise<{ readonly renewals: number; readonly generations: number }> {
  let { refresh_token: mine = '' } = await logInOnDevice(server)
  let stolen = mine
  let generations = 0
  for (let renewals = 0; renewals < 6; renewals += 1) {
    const answer = await present(server, mine, owner)
    if (answer.status !== 200) return { renewals, generations }
    mine = answer.json.refresh_token ?? ''
    for (let second = 0; second < 12; second += 1) {
      const next = await steal(stolen, second)
      if (next) {
        generations += 1
        stolen = next
      }
      server.elapse(1)
    }
    server.elapse(588)
  }
  return { renewals: 6, generations }
}

verifies(
  'N7',
  'a thief who feels with a scope that was not granted for the moment of use, and then asks plainly, gets nothing',
  async () => {
    await using server = await startAuthServer({ environment: behindProxy })
    // as it was: invalid_scope while unused, invalid_grant once used, then the plain request for the owner's pair
    const theft = await follow(server, async (stolen) => {
      const probe = await present(server, stolen, thief, { scope: 'mcp:tools:notify' })
      if (probe.json.error !== 'invalid_grant') return undefined
      return (await present(server, stolen, thief)).json.refresh_token
    })
    expect(theft).toEqual({ renewals: 6, generations: 0 })
  },
)

verifies(
  'N7',
  'a thief who asks blindly ends the sign-in with the first try, inside the grace or outside',
  async () => {
    await using server = await startAuthServer({ environment: behindProxy })
    const inside = await follow(server, async (stolen, second) =>
      second === 6 ? (await present(server, stolen, thief)).json.refresh_token : undefined,
    )
    expect(inside).toEqual({ renewals: 1, generations: 0 })
  },
)

provesSecrecy()
