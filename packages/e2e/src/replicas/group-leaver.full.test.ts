// How long a person who left a team at GitHub can still call what is for its people: two replicas of each service as real
// processes on real Redis, with clocks that the test moves; and how fast a rule of the operator's ends it.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeGitHub, createPerson, type FakeGitHub, until, verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { otherClock } from './preload.ts'
import { report } from './report.ts'
import { onlyHeader } from './switch.ts'
import { ask, askAsDevice, call, elsewhere, refresh } from './wire.ts'

/** Seconds by which all clocks are moved at a time. */
const stepSeconds = 30
/** Seconds, as security.md has them: an access token, what clocks may differ by, and how old facts may be while it is taken. */
const [TOKEN, TOLERANCE, HOUR] = [600, 30, 3_600]

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-leaver-'))
const gatehouseConfig = join(folder, 'gatehouse.yaml')
let github: FakeGitHub
let cluster: Cluster

function writeFile(...first: readonly string[]) {
  const rules = [...first, '{ tools: [builtin/greet], groups: [finance] }', '{ tools: [builtin/whoami] }']
  const lines = [
    'version: 1',
    `endpoints: [{ resource: "${cluster.resource}", name: Company tools, upstreams: [builtin] }]`,
    'groups: { finance: ["github-team:acme/finance"] }',
    'rules:',
    ...rules.map((rule) => `  - ${rule}`),
  ]
  writeFileSync(`${gatehouseConfig}~`, lines.join('\n'))
  renameSync(`${gatehouseConfig}~`, gatehouseConfig)
}

beforeAll(async () => {
  github = await createFakeGitHub()
  const env = {
    GATEHOUSE_CONFIG: gatehouseConfig,
    GITHUB_CLIENT_ID: github.clientId,
    GITHUB_CLIENT_SECRET: github.clientSecret,
    GITHUB_URL: github.url,
    GITHUB_API_URL: github.apiUrl,
    ALLOW_ANYONE: 'true',
    ...otherClock({ step: stepSeconds }),
  }
  cluster = await startCluster({ auth: 2, mcp: 2, env, started: false })
  writeFile()
  // the endpoints are those of the file
  const start = { env: { AUTH_RESOURCES: '', MCP_RESOURCE_URL: '' } }
  await Promise.all([...cluster.auth.replicas, ...cluster.mcp.replicas].map((replica) => replica.start(start)))
}, 120_000)
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await github?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const at = (replica: number) => ({ ...elsewhere(), [onlyHeader]: String(replica) })

/** Signs in by GitHub, for a device, and returns the tokens. */
async function signIn(login: string) {
  const device = await askAsDevice(cluster)
  const person = createPerson(cluster)
  await person.enterCode(device.userCode)
  const button = /href="([^"]+\/login\/github)"/.exec(person.page.html)?.[1] ?? ''
  const { leftTo } = await person.open(button)
  const body = new URLSearchParams([...(leftTo?.searchParams ?? []), ['login', login]])
  const answer = await fetch(`${leftTo?.origin}${leftTo?.pathname}`, { method: 'POST', body, redirect: 'manual' })
  const page = await person.open(answer.headers.get('location') ?? '')
  expect(page.text).toContain('you are in: finance')
  await person.approve()
  const { status, json, text } = await device.poll(elsewhere())
  expect(status, text).toBe(200)
  return createHolder(json.access_token, json.refresh_token)
}

/** What an app has: it renews at the replicas in turn. */
function createHolder(access: string | undefined, token: string | undefined) {
  const held = { access, token, renewals: 0 }
  return {
    /** By the clock of the one who issued it, in seconds. */
    expires: () => decodeJwt(held.access ?? '').exp ?? 0,
    async renew() {
      const { status, json, text } = await refresh(cluster, held.token, at(held.renewals % 2))
      expect(status, text).toBe(200)
      Object.assign(held, { access: json.access_token, token: json.refresh_token, renewals: held.renewals + 1 })
    },
    /** At one replica of the MCP server. */
    async maySend(replica: number): Promise<boolean> {
      const { text } = await call(cluster, held.access, 'greet', { name: 'Bob' }, at(replica))
      expect(text).toMatch(/Hello, Bob!|Tool greet not found|invalid_token/)
      return text.includes('Hello, Bob!')
    },
  }
}

verifies(
  'U8',
  'who leaves a team is refused at each replica within the hour, whenever the app renews; a rule refuses at once',
  async () => {
    for (const login of ['mona', 'octocat']) github.change(login, { organisations: ['acme'], teams: ['acme/finance'] })
    const [usual, latest, other] = [await signIn('mona'), await signIn('mona'), await signIn('octocat')]
    for (const replica of [0, 1])
      for (const app of [usual, latest, other]) expect(await app.maySend(replica)).toBe(true)
    github.change('mona', { teams: [] })

    // both apps are of the same minute, and so is the fact that is kept of her
    const [start, began] = [usual.expires() - TOKEN, performance.now()]
    const lastTaken = { usual: [0, 0], latest: [0, 0] }
    let moved = 0
    /** Seconds since then by the clocks of all processes. */
    const now = () => Math.round(moved + (performance.now() - began) / 1000)
    while (now() <= HOUR + stepSeconds) {
      moved += stepSeconds
      const replicas = [...cluster.auth.replicas, ...cluster.mcp.replicas]
      for (const replica of replicas) replica.process().signal('SIGUSR2')
      await Promise.all(replicas.map(({ url }) => ask(`${url}/livez`)))
      // one renews when its token ends; the other once more just before the facts are asked for again, and never after
      if (usual.expires() <= start + now() + stepSeconds) await usual.renew()
      if (now() + stepSeconds <= HOUR - TOKEN - TOLERANCE) await latest.renew()
      for (const replica of [0, 1])
        for (const [app, ends] of [
          [usual, lastTaken.usual],
          [latest, lastTaken.latest],
        ] as const) {
          const at = now()
          if (await app.maySend(replica)) ends[replica] = at
        }
    }
    for (const seconds of [...lastTaken.usual, ...lastTaken.latest]) expect(seconds).toBeLessThanOrEqual(HOUR)
    for (const seconds of lastTaken.latest)
      expect(seconds, 'a token that is had is taken').toBeGreaterThan(HOUR - TOKEN)

    await other.renew()
    expect(await other.maySend(0), 'who stayed may').toBe(true)
    writeFile(`{ tools: [builtin/greet], when: 'caller.subject == "github:583231"', allow: false }`)
    const written = performance.now()
    const byRule = await Promise.all(
      [0, 1].map(async (replica) => {
        await until(async () => !(await other.maySend(replica)), 20_000)
        return Math.round(performance.now() - written)
      }),
    )
    report('who leaves a team', { lastTakenAfterSeconds: lastTaken, refusedByRuleAfterMilliseconds: byRule })
  },
  300_000,
)
