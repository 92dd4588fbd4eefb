// What an operator reads afterwards, in one file of both services: each event of a sign-in, a call and an end, by one grant from
// the beginning to the end; and no token, code, cookie or secret in any line, whatever arguments had in them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type AuditLine, auditLine } from '@gatehouse/shared'
import { createPerson, type Person, type Stack, startProcess, startStack, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimsOf } from './harness/claims.ts'
import { createPlanting } from './harness/planting.ts'
import { resourceServer, robot, terminal } from './replicas/cluster.ts'
import {
  askAsDevice,
  authorizationRequest,
  call,
  deviceGrant,
  introspect,
  machineToken,
  post,
  redeem,
  refresh,
  register,
} from './replicas/wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-audit-'))
const file = join(folder, 'audit.jsonl')
const servers = createRequire(join(import.meta.dirname, '../../../apps/mcp/package.json'))
const program = join(dirname(servers.resolve('@modelcontextprotocol/server-everything/package.json')), 'dist/index.js')

const { secrets, plant, plantTokens, watched } = createPlanting()

let stack: Stack

beforeAll(async () => {
  const settings = {
    version: 1,
    upstreams: {
      everything: { command: [process.execPath, program, 'stdio'] },
      away: { url: 'http://localhost:9/mcp' },
    },
    audit: { to: { file: 'audit.jsonl' }, arguments: 'values', chain: true },
  }
  const GATEHOUSE_CONFIG = join(folder, 'gatehouse.yaml')
  writeFileSync(GATEHOUSE_CONFIG, JSON.stringify(settings))
  const env = { GATEHOUSE_CONFIG, TRUST_PROXY: '127.0.0.1, ::1' }
  stack = await startStack({
    clients: [terminal, robot, resourceServer],
    env: { auth: { ...env, AUTH_DEV_LOGIN: 'true' }, mcp: env },
  })
  for (const { client_secret } of [robot, resourceServer]) plant("a client's secret", client_secret)
})
afterAll(async () => {
  await stack[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const texts = () => readFileSync(file, 'utf8').trimEnd().split('\n')
/** By time: two processes write to the file. */
const lines = (): AuditLine[] =>
  texts()
    .map((text) => auditLine.parse(JSON.parse(text)))
    .sort((one, other) => one.time.localeCompare(other.time))

const personOf = (): Person => watched(createPerson(stack))

async function signInDevice(person: Person, name: string) {
  const device = await askAsDevice(stack)
  plant('a device code', device.deviceCode)
  plant('a user code', device.userCode)
  plant('a user code', device.userCode.replace('-', ''))
  await person.enterCode(device.userCode)
  await person.logIn(name)
  await person.approve()
  const answer = plantTokens(await device.poll(), 'a device')
  expect(answer.status).toBe(200)
  return answer.json
}

test('one grant can be followed through both services, from the question to the revocation', async () => {
  const person = personOf()
  const tokens = await signInDevice(person, 'ada')
  const { grant_id: grant, jti } = claimsOf(tokens.access_token as string)
  const secret = plant('an argument', 'hunter2-of-the-arguments')
  const said = await call(stack, tokens.access_token, 'everything__echo', {
    message: 'hello',
    password: secret,
    nested: { token: tokens.access_token, note: `it is ${tokens.refresh_token}` },
  })
  expect(said.status).toBe(200)
  await call(stack, tokens.access_token, 'everything__nothing', {})
  const renewed = plantTokens(await refresh(stack, tokens.refresh_token), 'a refresh').json
  plantTokens(await refresh(stack, tokens.refresh_token), 'a repeated refresh')
  await call(stack, renewed.access_token, 'everything__get-sum', { a: 1, b: 2 })
  await post(`${stack.issuer}/revoke`, { client_id: terminal.client_id, token: renewed.refresh_token ?? '' })
  expect((await refresh(stack, renewed.refresh_token)).status).toBe(400)

  await expect
    .poll(() =>
      lines()
        .filter((line) => line.grant === grant)
        .map(({ event }) => event),
    )
    .toContain('grant_ended')
  const all = lines()
  const flow = all.find((line) => line.grant === grant && line.event === 'device_approved')?.flow
  const ours = all.filter((line) => line.grant === grant || (flow !== undefined && line.flow === flow))
  expect(ours.map(({ service, event, tool }) => [service, event, tool].filter(Boolean).join(' '))).toEqual([
    'auth device_code_asked',
    'auth device_code_entered',
    'auth sign_in',
    'auth device_approved',
    'auth tokens_issued',
    'mcp mcp_request everything__echo',
    'mcp mcp_request everything__nothing',
    'auth tokens_issued',
    'auth tokens_replayed',
    'mcp mcp_request everything__get-sum',
    'auth grant_ended',
  ])
  for (const line of ours)
    expect(line).toMatchObject({ client: 'terminal', request: expect.stringMatching(/^[\w-]{36}$/) })
  for (const line of ours.slice(2)) expect(line.subject).toBe('dev:ada')
  const [, , signIn, approved, issued, echo, nothing, again, replayed, , ended] = ours
  expect(signIn).toMatchObject({ name: 'dev:ada', login: 'developer', address: expect.any(String), decision: 'allow' })
  expect(approved).toMatchObject({ endpoint: stack.resource, scopes: ['mcp:tools:read', 'mcp:tools:call'], grant })
  expect(issued).toMatchObject({ grantType: deviceGrant, token: jti, endpoint: stack.resource })
  expect(echo).toMatchObject({
    outcome: 'ok',
    decision: 'allow',
    token: jti,
    endpoint: stack.resource,
    upstream: 'everything',
    credential: 'none',
    method: 'tools/call',
    scopes: ['mcp:tools:call'],
    arguments: {
      message: 'hello',
      password: '[redacted]',
      nested: { token: '[redacted]', note: '[redacted]' },
    },
    ms: expect.any(Number),
    in: expect.any(Number),
    out: expect.any(Number),
  })
  expect(nothing).toMatchObject({ outcome: 'error', reason: '-32602' })
  expect(nothing).not.toHaveProperty('upstream')
  expect([again, replayed].map((line) => [line?.grantType, line?.token])).toEqual(
    Array(2).fill(['refresh_token', claimsOf(renewed.access_token as string).jti]),
  )
  expect(ended).toMatchObject({ reason: 'revoked', subject: 'dev:ada' })
  process.stdout.write(`\nthe lines of one grant:\n${ours.map((line) => JSON.stringify(line)).join('\n')}\n`)
})

test('refusals, machines, registrations, a code flow and its disconnection are there, too', async () => {
  const before = lines().length
  const since = () => lines().slice(before)
  const person = personOf()

  // an app by a browser
  const app = (
    await register(stack, 'Recipe box', {
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1:53682/callback'],
    })
  ).json.client_id as string
  const asked = authorizationRequest(stack, app)
  plant('the verifier of a code', asked.verifier)
  await person.open(asked.url)
  await person.logIn('grace')
  const { leftTo } = await person.approve()
  plant('an authorization code', leftTo?.searchParams.get('code') ?? undefined)
  const { json: tokens } = plantTokens(await redeem(stack, asked, leftTo), 'a code')
  const { grant_id: grant } = claimsOf(tokens.access_token as string)
  expect((await redeem(stack, asked, leftTo)).status, 'a code counts once').toBe(400)
  // an app that asks who somebody is, and whose access token is no JWT
  const profile = new URL(asked.url)
  for (const [name, value] of [['scope', 'openid profile']] as const) profile.searchParams.set(name, value)
  profile.searchParams.delete('resource')
  await person.open(profile.href)
  const known = await person.approve()
  plant('an authorization code', known.leftTo?.searchParams.get('code') ?? undefined)
  plantTokens(await redeem({ ...stack, resource: '' }, asked, known.leftTo), 'an app that asks who')

  // refused by the person, twice
  await person.open(authorizationRequest(stack, app).url)
  await person.submit('/decision', { decision: 'refuse' })
  const device = await askAsDevice(stack)
  await person.enterCode(device.userCode)
  await person.submit('/decision', { decision: 'refuse' })

  // machines, and one that guesses
  const machine = plantTokens(await machineToken(stack), 'a machine').json
  await call(stack, machine.access_token, 'everything__echo', { message: 'of a machine' })
  const wrong = { authorization: `Basic ${btoa('robot:a-wrong-secret-of-the-robot')}` }
  plant('a wrong secret', 'a-wrong-secret-of-the-robot')
  for (let count = 0; count < 22; count += 1)
    await post(`${stack.issuer}/token`, { grant_type: 'client_credentials', resource: stack.resource }, wrong)

  // a token that may look and nothing more
  const narrow = plantTokens(
    await post(`${stack.issuer}/token`, {
      grant_type: 'refresh_token',
      client_id: app,
      refresh_token: tokens.refresh_token ?? '',
      scope: 'mcp:tools:read',
    }),
    'a narrow refresh',
  ).json
  expect((await call(stack, narrow.access_token, 'everything__echo', { message: 'no' })).status).toBe(403)
  await introspect(stack, narrow.access_token)

  await person.open(`${stack.issuer}/apps`)
  await person.submit('/apps/disconnect')

  await expect
    .poll(() => since().some(({ event, reason }) => event === 'grant_ended' && reason === 'disconnected'))
    .toBe(true)
  const told = since().map(({ service, event, outcome, reason }) =>
    [service, event, outcome, reason].filter(Boolean).join(' '),
  )
  for (const line of [
    'auth client_registered ok',
    'auth sign_in ok',
    'auth consent_approved ok',
    'auth tokens_issued ok',
    'auth consent_refused refused',
    'auth device_refused refused',
    'auth client_secret_blocked refused too_many',
    'mcp mcp_request refused insufficient_scope',
    'auth grant_ended ok disconnected',
  ])
    expect(told).toContain(line)
  expect(since().find(({ reason }) => reason === 'insufficient_scope')).toMatchObject({
    decision: 'deny',
    grant,
    tool: 'everything__echo',
    scopes: ['mcp:tools:call'],
  })
  const ofMachine = since().filter(({ client }) => client === 'robot')
  expect(ofMachine.map(({ event, subject, grant: none }) => [event, subject, none])).toEqual(
    expect.arrayContaining([
      ['tokens_issued', 'robot', undefined],
      ['mcp_request', 'robot', undefined],
    ]),
  )
})

test('the command shows one grant, and that no line was changed', async () => {
  const command = async (...args: readonly string[]) => {
    await using running = startProcess(['packages/cli/src/main.ts', 'audit', ...args])
    const { code } = await running.exited
    return { code, stdout: running.stdout(), output: running.output() }
  }
  const grant = lines().find(({ event }) => event === 'device_approved')?.grant ?? ''
  const shown = await command(file, `--grant=${grant.slice(0, 8)}`)
  expect(shown.code).toBe(0)
  for (const word of ['device_code_asked', 'sign_in', 'everything__echo', 'tokens_replayed', 'grant_ended'])
    expect(shown.stdout).toContain(word)
  process.stdout.write(`\n${shown.stdout}`)

  const whole = await command('verify', file)
  expect([whole.code, whole.output]).toEqual([0, expect.stringContaining('hold together')])
  const changed = join(folder, 'changed.jsonl')
  writeFileSync(changed, readFileSync(file, 'utf8').replace('everything__echo', 'everything__other'))
  const broken = await command('verify', changed)
  expect([broken.code, broken.output]).toEqual([1, expect.stringContaining('was changed')])
  process.stdout.write(`${whole.output}${broken.output}`)
})

verifies('T25', 'no token, code, cookie or secret is in any line of the audit, nor in a log', () => {
  const all = readFileSync(file, 'utf8')
  const logs = stack.logs()
  const found = [...secrets].filter(([secret]) => all.includes(secret) || logs.includes(secret))
  const kinds = [...new Set(secrets.values())]
  process.stdout.write(
    `\nsearched ${texts().length} lines of the audit and ${logs.split('\n').length} of the logs for ${secrets.size} secrets: ${kinds.join(', ')}\n`,
  )
  expect(found.map(([, what]) => what)).toEqual([])
  expect(kinds.length).toBeGreaterThan(15)
  for (const kind of [
    'a cookie',
    'a user code',
    'an authorization code',
    'an argument',
    'a token of an app that asks who',
  ])
    expect(kinds).toContain(kind)
})
