// Over generated rules, catalogs, callers and arguments, at the relay: what it lists, what it sends on, what it explains.
import { expect, test } from 'vitest'
import type { Catalog, Shows } from '../catalog/contract.ts'
import { ada, testClient } from '../harness/clients.ts'
import { noLimits, pinnedRulesOf } from '../harness/rules.ts'
import { createRelay } from '../relay/relay.ts'
import { createSeals } from '../relay/seal.ts'
import { createTaskIds } from '../relay/tasks.ts'
import type { GatewayRules } from '../settings.ts'
import { type Members, RpcError, type Upstream } from '../upstreams/contract.ts'
import { explain } from './explain.ts'
import { createGate } from './gate.ts'

/** Numbers that are the same each time. */
function createDice(seed: number) {
  let state = seed
  const roll = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  const pick = <Value>(values: readonly Value[]): Value => values[roll(values.length)] as Value
  return { roll, pick }
}
const dice = createDice(2_026)
const { roll, pick } = dice

const names = ['get_a', 'get_b', 'set_a', 'set_b', 'delete_a', 'a', 'get_', '*']
const upstreams = ['ledger', 'docs', 'wiki', 'github'].map(
  (name) => ({ settings: { name, tools: { only: undefined, not: [] } } }) as unknown as Upstream,
)
const conditions = [
  'caller.kind == "person"',
  'caller.subject == "dev:ada"',
  '"w" in caller.scopes',
  'tool.startsWith("get")',
  'args.n < 5',
  'has(args.n) && args.n == 1',
  'args.list.all(x, x > 0)',
]

/** Of every other tool nobody knows what it says of itself. */
function randomLock(): Readonly<Record<string, object>> {
  const all = upstreams.flatMap(({ settings }) => names.map((name) => `${settings.name}/${name}`))
  const annotations = () => pick([{}, { readOnlyHint: true }, { destructiveHint: false }, { readOnlyHint: false }])
  return Object.fromEntries(all.filter(() => roll(4) > 0).map((name) => [name, annotations()]))
}

function randomRules(): GatewayRules {
  const lines = Array.from({ length: 1 + roll(6) }, () => {
    const globs = Array.from(
      { length: 1 + roll(2) },
      () => `"${pick(['ledger', 'docs', 'github'])}/${pick(['*', 'get_*', '*_a', 'set_b', 'g*_a'])}"`,
    )
    const when = roll(2) === 0 ? `, when: '${pick(conditions)}'` : ''
    const end = roll(3) === 0 ? ', allow: false' : roll(3) === 0 ? ', scopes: [w]' : ''
    const annotations = roll(3) === 0 ? `, annotations: { ${pick(['readOnlyHint', 'destructiveHint'])}: true }` : ''
    return `{ tools: [${globs}]${annotations}${when}${end} }`
  })
  return pinnedRulesOf(randomLock(), ...lines)
}

/** A relay in front of servers that have some of the names each, and what it sent on. */
function sceneOf(rules: GatewayRules) {
  const has = upstreams.map((upstream) => ({ upstream, names: names.filter(() => roll(3) > 0) }))
  const all = has.flatMap(({ upstream, names: own }) =>
    own.map((name) => ({ upstream, name, shown: `${upstream.settings.name}__${name}`, definition: { name } })),
  )
  const catalog = {
    tools: async (_behalf: unknown, _era: unknown, shows: Shows = () => true) => ({
      tools: all.filter(({ upstream, name }) => shows(upstream, name)).map(({ shown }) => ({ name: shown })),
    }),
    findTool: async (name: string) => all.find(({ shown }) => shown === name),
    awayTool: async () => undefined,
    show: async (_behalf: unknown, result: Members) => result,
  } as unknown as Catalog
  const sent: unknown[] = []
  const forward = {
    parked: 0,
    close: () => undefined,
    forward: async (upstream: Upstream, { params }: { readonly params?: Members | undefined }) => {
      sent.push([upstream.settings.name, params?.name, params?.arguments])
      return { content: [] }
    },
  }
  const tasks = createTaskIds(createSeals({ secrets: ['a secret for tests, and for nothing else'], clock: Date.now }))
  const gate = createGate({ endpoint: ada.endpoint, settings: () => rules })
  return {
    relay: createRelay({
      catalog,
      upstreams,
      forward,
      tasks,
      gate,
      limit: async () => undefined,
      onFault: expect.unreachable,
    }),
    sent,
    all,
  }
}

const base = ['mcp:tools:read', 'mcp:tools:call']
const callers = [
  { owner: ada, scopes: base },
  { owner: { ...ada, subject: 'dev:bob' }, scopes: [...base, 'w'] },
  { owner: { ...ada, subject: 'robot', clientId: 'robot' }, scopes: [...base, 'w'] },
]
const allArguments = [undefined, {}, { n: 1 }, { n: 9 }, { n: 'x' }, { list: [1] }, { n: 1, list: [0] }]

test('what is listed may be called, what is denied is never sent, and what is explained is what is done', async () => {
  const counts = { allowed: 0, scopes: 0, denied: 0, unpinned: 0 }
  for (let round = 0; round < 60; round += 1) {
    const rules = randomRules()
    const { relay, sent, all } = sceneOf(rules)
    const endpoints = [{ resource: ada.endpoint, upstreams: upstreams.map(({ settings }) => settings.name) }]
    const settings = { endpoints, upstreams: upstreams.map((one) => one.settings), rules, limits: noLimits } as never
    for (const { owner, scopes } of callers) {
      const client = testClient('2026', { owner, granted: { scopes: new Set(scopes), expiresAt: 4_000_000_000 } })
      const { tools } = await relay.handle({ method: 'tools/list' }, client)
      const listed = new Set((tools as { readonly name: string }[]).map(({ name }) => name))
      for (const { upstream, name, shown } of all)
        for (const args of allArguments) {
          const caller = { subject: owner.subject, clientId: owner.clientId, scopes: new Set(scopes) }
          const question = { upstream: upstream.settings.name, tool: name, caller, endpoint: undefined }
          const told = explain(settings, { ...question, args: args ?? {} })
          const { open } = explain(settings, { ...question, args: undefined }) as { readonly open: readonly string[] }
          if (typeof told === 'string') throw new Error(told)
          const before = sent.length
          const params = { name: shown, ...(args && { arguments: args }) }
          const outcome = await relay.handle({ method: 'tools/call', params }, client).catch((error: unknown) => error)
          const why = JSON.stringify([rules, shown, args, owner.subject])
          const { kind } = told.decision
          counts[kind] += 1
          if ('because' in told.decision && told.decision.because === 'unpinned') counts.unpinned += 1
          expect(sent.slice(before), why).toEqual(kind === 'allowed' ? [[upstream.settings.name, name, args]] : [])
          if (kind === 'denied') expect(outcome, why).toMatchObject({ message: `Tool ${shown} not found` })
          if (kind === 'scopes') expect(outcome, why).toBeInstanceOf(RpcError)
          if (kind === 'allowed') expect(listed.has(shown), why).toBe(true)
          if (listed.has(shown) && open.length === 0) expect(kind, why).toBe('allowed')
          expect(told.isListed, why).toBe(listed.has(shown))
        }
    }
  }
  for (const [kind, count] of Object.entries(counts)) expect(count, kind).toBeGreaterThan(200)
})
