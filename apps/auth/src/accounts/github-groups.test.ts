// Groups by what GitHub says: who is in one, what tokens and introspection say of it, and for how long that may be old.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeGitHub, type FakeGitHub, verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import { basic, robot, terminal } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, refresh } from '../harness/flows.ts'

const tools = 'https://mcp.example.com/mcp'
const free = 'https://mcp.example.com/free'
const hour = 3_600
/** Seconds. An access token is taken for ten minutes, and for half a minute more by a clock that is behind. */
const tokenLifetime = 630
/** Seconds for which facts count that a token may name. */
const fresh = hour - tokenLifetime

const groups = {
  finance: ['github-team:acme/finance'],
  staff: ['github-org:Acme', 'email-domain:example.net'],
  others: ['github-org:other', 'oidc-group:corp/others'],
}

let folder: string
let github: FakeGitHub
let server: AuthServer

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-groups-'))
  github = await createFakeGitHub()
  github.change('mona', { organisations: ['acme'], teams: ['acme/finance'] })
})
afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  await github[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** `/mcp` names all groups, `/free` none. */
function write(all: Readonly<Record<string, readonly string[]>>) {
  const file = {
    version: 1,
    endpoints: [
      { resource: tools, name: 'Tools', upstreams: ['ledger'], groups: Object.keys(all) },
      { resource: free, name: 'Free', upstreams: ['docs'] },
    ],
    upstreams: { ledger: { command: ['x'] }, docs: { command: ['x'] } },
    ...(Object.keys(all).length > 0 && { groups: all }),
  }
  writeFileSync(join(folder, 'gatehouse.yaml'), JSON.stringify(file))
}

async function start(all: Readonly<Record<string, readonly string[]>> = groups, more: Record<string, string> = {}) {
  write(all)
  server = await startAuthServer({
    clients: [
      { ...terminal, github_device_flow: true },
      { ...robot, client_id: 'guard', resource_server: tools },
    ],
    environment: {
      GATEHOUSE_CONFIG: join(folder, 'gatehouse.yaml'),
      AUTH_DEV_LOGIN: 'false',
      AUTH_LIFETIMES: '{"deviceInterval":1,"refreshToken":10000000}',
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
      ...more,
    },
  })
}

interface Tokens {
  access: string
  refresh: string
}
async function signIn(login = 'mona', resource = tools): Promise<Tokens> {
  const device = await askAsDevice(server, { resource })
  github.decideDevice(device.userCode, login)
  const { status, json, text } = await device.poll()
  expect(status, text).toBe(200)
  return { access: json.access_token ?? '', refresh: json.refresh_token ?? '' }
}
/** Changes `tokens`. */
async function renew(tokens: Tokens): Promise<number> {
  const { status, json } = await refresh(server, tokens.refresh)
  if (status === 200) Object.assign(tokens, { access: json.access_token, refresh: json.refresh_token })
  return status
}
const named = ({ access }: Tokens) => decodeJwt(access).groups
async function introspected({ access }: Tokens) {
  const guard = basic({ ...robot, client_id: 'guard' })
  return (await server.post('/introspect', { token: access }, guard)).json as { active?: unknown; groups?: unknown }
}
test('a token names the groups of its resource that the person is in, in the order of the file; introspection does so, too', async () => {
  await start()
  const mona = await signIn()
  expect(named(mona)).toEqual(['finance', 'staff'])
  expect(await introspected(mona)).toMatchObject({ active: true, groups: ['finance', 'staff'] })
  expect(decodeJwt((await signIn('mona', free)).access), 'no group is named for it').not.toHaveProperty('groups')
  const octocat = await signIn('octocat')
  expect(decodeJwt(octocat.access), 'in none').not.toHaveProperty('groups')
  expect(await introspected(octocat)).not.toHaveProperty('groups')
  github.change('octocat', { emails: [{ email: 'octocat@Example.NET', primary: true, verified: true }] })
  expect(named(await signIn('octocat'))).toEqual(['staff'])
  github.change('octocat', { emails: [{ email: 'octocat@example.net', primary: true, verified: false }] })
  expect(named(await signIn('octocat'))).toBeUndefined()
})

test('who is invited is not in yet, and who is in a team below one is in it', async () => {
  await start()
  github.change('mona', { pending: ['acme/finance'] })
  expect(named(await signIn())).toEqual(['staff'])
  github.change('mona', { pending: ['acme'], teams: ['acme/finance'] })
  expect(named(await signIn()), 'of an organisation: no team of it counts either').toBeUndefined()
  github.parents.set('acme/payroll', 'acme/accounting').set('acme/accounting', 'acme/finance')
  github.change('mona', { pending: [], teams: ['acme/payroll'] })
  expect(named(await signIn())).toEqual(['finance', 'staff'])
})

verifies(
  'U8',
  'who leaves a group is out of it within the hour, until the last token that names it is not taken any more',
  async () => {
    await start()
    const mona = await signIn()
    const left = Date.now()
    github.change('mona', { teams: [] })
    let lastTaken = left
    // a client that renews as late as it can, and once more just before the facts are asked for again
    for (let at = 0; at < hour; at += 30) {
      server.elapse(30)
      expect(await renew(mona)).toBe(200)
      if ((named(mona) as string[])?.includes('finance')) lastTaken = (decodeJwt(mona.access).exp ?? 0) * 1000 + 30_000
    }
    expect(named(mona)).toEqual(['staff'])
    expect((lastTaken - left) / 1000, 'the last token that named it, by a clock that is half a minute behind').toBe(
      hour - 30,
    )
  },
)

test('introspection knows of who left as soon as a renewal would, and never says more than the token', async () => {
  await start()
  const mona = await signIn()
  github.change('mona', { teams: [], organisations: ['acme', 'other'] })
  server.elapse(fresh - 60)
  await renew(mona)
  expect(named(mona)).toEqual(['finance', 'staff'])
  server.elapse(61)
  expect(await introspected(mona)).toMatchObject({ active: true, groups: ['staff'] })
  expect(await renew(mona)).toBe(200)
  expect(named(mona)).toEqual(['staff', 'others'])
})

verifies(
  'X23',
  'while GitHub is away groups stay for a day, and the log says so; then people are in none, and stay signed in',
  async () => {
    await start(groups, { ALLOWED_GITHUB_USERS: 'mona' })
    const mona = await signIn()
    github.fault = 'server error'
    server.elapse(23 * hour)
    expect(await renew(mona)).toBe(200)
    expect(named(mona)).toEqual(['finance', 'staff'])
    expect(server.log()).toContain('what it said before still counts, for a day in all')
    expect(await server.metrics()).toContain('gatehouse_stale_facts_total{login="github",counts="yes"} 1')
    server.elapse(2 * hour)
    expect(await renew(mona)).toBe(200)
    expect(named(mona)).toBeUndefined()
    expect(await server.metrics()).toContain('gatehouse_stale_facts_total{login="github",counts="no"} 1')
    github.fault = undefined
    expect(await renew(mona)).toBe(200)
    expect(named(mona)).toEqual(['finance', 'staff'])
  },
)

test.each(['rate limit', 'secondary rate limit', 'too many requests', 'html', 'slow'] as const)(
  '%s takes nobody out of a group',
  async (fault) => {
    await start()
    const mona = await signIn()
    github.fault = fault
    github.change('mona', { teams: [] })
    server.elapse(hour)
    expect(await renew(mona)).toBe(200)
    expect(named(mona)).toEqual(['finance', 'staff'])
  },
  20_000,
)

test('GitHub is asked by name, as often as the file has names, however many teams somebody is in', async () => {
  const many = Array.from({ length: 98 }, (_, index) => `github-team:acme/team-${index * 100}`)
  await start({ many: ['github-org:acme', ...many], elsewhere: ['github-team:other/team'] })
  github.change('mona', { teams: Array.from({ length: 10_000 }, (_, index) => `acme/team-${index}`) })
  expect(named(await signIn())).toEqual(['many'])
  // the person, two organisations, 98 teams; of an organisation that they are not in no team
  expect(github.requests.filter((path) => path.startsWith('/api/'))).toHaveLength(1 + 2 + 98)
  const asked = github.requests.length
  expect(named(await signIn('octocat'))).toBeUndefined()
  expect(github.requests.slice(asked).filter((path) => path.startsWith('/api/'))).toHaveLength(1 + 2)
})

test('the facts that are kept are as many as the file names', async () => {
  await start()
  github.change('mona', { teams: Array.from({ length: 10_000 }, (_, index) => `acme/team-${index}`) })
  await signIn()
  const account = (await server.store.records.find('Account', 'github:2'))?.payload as { facts: object }
  expect(account.facts).toMatchObject({ organisations: ['acme'], teams: [] })
  expect(JSON.stringify(account).length).toBeLessThan(600)
})

test('ALLOWED_GROUPS lets in who is in one of them, and who leaves is out within the hour', async () => {
  await start(groups, { ALLOWED_GROUPS: 'finance, others' })
  const mona = await signIn()
  const device = await askAsDevice(server, { resource: tools })
  github.decideDevice(device.userCode, 'octocat')
  expect((await device.poll()).json.error).toBe('access_denied')
  github.change('mona', { teams: [] })
  server.elapse(fresh + 1)
  expect(await renew(mona)).toBe(400)
})

/** Over the file, as an editor does it. */
async function change(all: Readonly<Record<string, readonly string[]>>): Promise<void> {
  write(all)
  server.hangUp()
}

test('a group that changes in the file counts from the next token on, and what GitHub was never asked is asked then', async () => {
  await start({ finance: ['github-team:acme/finance'] })
  github.change('mona', { teams: ['acme/finance', 'acme/ops'] })
  const mona = await signIn()
  expect(named(mona)).toEqual(['finance'])
  await change({
    money: ['github-team:acme/finance'],
    ops: ['github-team:acme/ops'],
    mail: ['email-domain:example.org'],
  })
  expect(await renew(mona)).toBe(200)
  // for addresses the person was not asked: at the next sign-in
  expect(named(mona)).toEqual(['money', 'ops'])
  expect(named(await signIn())).toEqual(['money', 'ops', 'mail'])
  await change({ ops: ['github-org:nobody'] })
  expect(await renew(mona)).toBe(200)
  expect(named(mona)).toBeUndefined()
})

test('a file without a group that ALLOWED_GROUPS names is faulty, and changes nothing', async () => {
  await start(groups, { ALLOWED_GROUPS: 'finance' })
  const mona = await signIn()
  await change({ staff: ['github-org:acme'] })
  await vi.waitFor(() => expect(server.log()).toContain('ALLOWED_GROUPS names finance'))
  expect(await renew(mona)).toBe(200)
  expect(named(mona)).toEqual(['finance', 'staff'])
})

test('who signed in before any group was named is in none until they sign in again', async () => {
  await start({})
  const mona = await signIn()
  await change({ staff: ['github-org:acme'] })
  server.elapse(2 * hour)
  expect(await renew(mona)).toBe(200)
  expect(named(mona), 'no token of GitHub was kept').toBeUndefined()
  expect(named(await signIn())).toEqual(['staff'])
})

test('who takes back at GitHub what they gave has to sign in again', async () => {
  await start()
  const mona = await signIn()
  github.users.delete('mona')
  server.elapse(hour)
  expect(await renew(mona)).toBe(400)
})

provesSecrecy()
