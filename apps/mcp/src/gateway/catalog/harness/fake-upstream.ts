// An upstream that does what a test says, and a clock that goes when it says so.
import type { RemoteUpstream } from '../../settings.ts'
import type { Behalf, Description, Era, Json, Members, Notification, Upstream } from '../../upstreams/contract.ts'
import { UpstreamError, type UpstreamFault } from '../../upstreams/contract.ts'
import type { Clock } from '../contract.ts'

export interface FakeUpstream extends Upstream {
  era: Era
  capabilities: Members
  instructions: string | undefined
  tools: Members[]
  prompts: Members[]
  resources: Members[]
  resourceTemplates: Members[]
  ttlMs: number | undefined
  /** What happens instead of an answer. */
  fault: UpstreamFault | 'hang' | undefined
  /** Instead of one page with everything. */
  page: ((method: string, cursor: string | undefined) => Json) | undefined
  /** Methods that it was asked, `describe` included. */
  readonly asked: string[]
  readonly behalves: Behalf[]
  readonly listeners: Set<(notification: Notification) => void>
  say(method: string): void
}

const members = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
} as const

export type Settings = Partial<Omit<RemoteUpstream, 'tools'>> & { readonly tools?: Partial<RemoteUpstream['tools']> }

export function fakeUpstream(name: string, { tools, ...settings }: Settings = {}): FakeUpstream {
  const listeners = new Set<(notification: Notification) => void>()
  const fake: FakeUpstream = {
    settings: {
      transport: 'http',
      name,
      url: 'http://upstream.test/',
      isolation: 'caller',
      headers: {},
      forwardHeaders: [],
      tls: undefined,
      tools: { only: undefined, not: [], rename: {}, prefix: 'always', ...tools },
      questions: { form: true, url: true, roots: true, sampling: false },
      concurrency: 50,
      timeouts: { connect: 5_000, list: 10_000, call: 600_000, idle: 120_000 },
      ...settings,
    },
    open: 0,
    era: '2025',
    capabilities: { tools: {}, prompts: {}, resources: {} },
    instructions: undefined,
    tools: [],
    prompts: [],
    resources: [],
    resourceTemplates: [],
    ttlMs: undefined,
    fault: undefined,
    page: undefined,
    asked: [],
    behalves: [],
    listeners,
    async describe(behalf): Promise<Description> {
      fake.asked.push('describe')
      fake.behalves.push(behalf)
      await fail(fake)
      const { era, capabilities, instructions } = fake
      return { era, protocolVersion: era, capabilities, serverInfo: { name }, instructions, hasSession: false }
    },
    async request({ method, params }, behalf) {
      fake.asked.push(method)
      fake.behalves.push(behalf)
      await fail(fake)
      const member = members[method as keyof typeof members]
      if (fake.page) return fake.page(method, params?.cursor)
      complete(fake)
      return { [member]: structuredClone(fake[member]), ...(fake.ttlMs !== undefined && { ttlMs: fake.ttlMs }) }
    },
    notify: async () => {},
    listen(_behalf, _resources, hear) {
      listeners.add(hear)
      return () => void listeners.delete(hear)
    },
    close: async () => {},
    say(method) {
      for (const hear of listeners) hear({ method })
    },
  }
  return fake
}

async function fail({ fault, settings }: FakeUpstream): Promise<void> {
  if (fault === 'hang') await new Promise(() => {})
  else if (fault) throw new UpstreamError(settings.name, fault, `${settings.name} is ${fault}`)
}

export function behalfOf(subject: string, changes: Partial<Behalf> = {}): Behalf {
  return {
    owner: {
      endpoint: 'https://mcp.test/mcp',
      issuer: 'https://auth.test',
      subject,
      clientId: 'client',
      session: undefined,
    },
    capabilities: {},
    headers: {},
    progressToken: 'theirs',
    logLevel: 'debug',
    signal: new AbortController().signal,
    hear: () => {},
    granted: { scopes: new Set(), expiresAt: 2_000_000_000 },
    ask: async () => ({}),
    ...changes,
  }
}

export interface ManualClock extends Clock {
  /** Goes on by so many milliseconds; what was to run meanwhile has run, and what follows from it. */
  elapse(milliseconds: number): Promise<void>
}

export function manualClock(): ManualClock {
  let time = 1_000_000
  const timers = new Set<{ readonly at: number; readonly run: () => void }>()
  return {
    now: () => time,
    after(milliseconds, run) {
      const timer = { at: time + milliseconds, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async elapse(milliseconds) {
      const end = time + milliseconds
      await settle()
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)[0]
        if (!next) break
        timers.delete(next)
        time = Math.max(time, next.at)
        next.run()
        await settle()
      }
      time = end
    },
  }
}

/** Until what was begun has come to where it waits for the clock. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** What the specification asks for, and tests are not about. */
function complete({ tools, resources, resourceTemplates }: FakeUpstream): void {
  for (const [index, tool] of tools.entries()) tools[index] = { inputSchema: { type: 'object' }, ...tool }
  for (const all of [resources, resourceTemplates])
    for (const [index, one] of all.entries()) all[index] = { name: 'a resource', ...one }
}
