// From the configuration to what is served: the one place where the parts of the gateway are made.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Replicas } from '@gatehouse/replicas'
import { type Audit, seldom } from '@gatehouse/service'
import { arePinsEnforced } from '@gatehouse/shared/gateway-file'
import type { Served } from '../mcp/served.ts'
import { createCatalog } from './catalog/catalog.ts'
import { systemClock } from './catalog/clock.ts'
import { createRenewableCatalog } from './catalog/renewable.ts'
import { createMemoryCatalogStore } from './catalog/store.ts'
import { createGateway } from './gateway.ts'
import { createCallerIdentity, createSqliteKeyStore } from './identity/index.ts'
import { createOwnBudgets } from './limits/budgets.ts'
import { createLimits } from './limits/limits.ts'
import { longestMessage } from './log-budget.ts'
import { measureLimits } from './measures.ts'
import { openUpstreams, type UpstreamParts } from './open-upstreams.ts'
import { createPins } from './pins/pins.ts'
import { createPinReporter } from './pins/report.ts'
import { parkedLife } from './relay/parked.ts'
import { openCompany } from './replicas/company.ts'
import { createSeats, type Seats } from './seat.ts'
import type { EndpointSettings, GatewaySettings } from './settings.ts'
import { UpstreamError } from './upstreams/contract.ts'

export interface GatewayParts extends UpstreamParts {
  readonly issuer: string
  readonly development: boolean
  readonly secrets: readonly [string, ...string[]]
  readonly audit?: Pick<Audit, 'write'> | undefined
  /** Undefined: there is this process alone. */
  readonly replicas?: Replicas | undefined
  /** Of the keys that say who calls, where there is this process alone: an SQLite file. */
  readonly keyFile: string
}

/** Milliseconds for what is done for other replicas to end in. */
const drainLimit = 5_000

export type ServedEndpoint = Omit<EndpointSettings, 'name' | 'scopes'> & {
  /** What people are shown. */
  readonly title: string
}

export interface Gateway {
  /** What stands behind an endpoint. */
  serve(endpoint: ServedEndpoint): Served
  /** What is served goes on with what changed: `endpoints` are those that there are from now on. Names of upstreams that changed. */
  change(to: GatewayChange): readonly string[]
  /** By which upstreams check who calls (RFC 7517). Undefined: none is told by a JWT. */
  callerKeys(): Promise<{ readonly keys: readonly object[] }> | undefined
  /** Clients begin nothing more here: neither does it for other replicas, which may have what is not in use. */
  drain(): void
  /** Once nothing is served any more. */
  close(): Promise<void>
}

export interface GatewayChange {
  readonly settings: GatewaySettings
  readonly development: boolean
  readonly endpoints: readonly ServedEndpoint[]
}

/** The upstreams are opened once, for all endpoints. */
export function openGateway(parts: GatewayParts): Gateway {
  const { identity, issuer, log, builtin } = parts
  const clock = systemClock
  const onerror = seldom((err: Error) => log.info({ err }, 'another replica, or the store of all, is in trouble'))
  const onBudgetsAway = seldom((err: Error) =>
    log.warn({ err }, 'the store of all does not count for the limits: this replica counts by itself'),
  )
  const company = parts.replicas && openCompany({ ...parts, replicas: parts.replicas, clock, onerror })
  const keyFile = createSqliteKeyStore(parts.keyFile, clock.now)
  const callers = createCallerIdentity({ store: parts.replicas ?? keyFile, secrets: parts.secrets, now: clock.now })
  const { upstreams, outcomes, ...opened } = openUpstreams(parts, company, callers.valueFor)
  const own = createMemoryCatalogStore(clock)
  const store = company?.catalogStore(own) ?? own
  const openBudgets = () => {
    const own = createOwnBudgets(clock)
    return company?.budgets(own, onBudgetsAway) ?? own
  }
  const limits = createLimits({
    settings: () => now.settings.limits,
    budgets: openBudgets(),
    states: openBudgets(),
    stateLife: parkedLife,
    onLimited: parts.metrics && measureLimits(parts.metrics),
  })
  const originsOf = ({ endpoints }: GatewaySettings) =>
    [issuer, ...endpoints.map(({ resource }) => resource)].map((url) => new URL(url).origin)
  const reporter = createPinReporter({ log, audit: parts.audit, metrics: parts.metrics, now: clock.now })
  reporter.begin(parts.settings)
  /** As the file has it now. */
  let now: Omit<GatewayChange, 'endpoints'> = parts
  /** What is served, by resource. */
  const served = new Map<string, (endpoint: ServedEndpoint, changed: ReadonlySet<string>) => void>()
  const parked = new Set<() => number>()
  parts.metrics?.gauge('gatehouse_gateway_parked_calls', 'Calls that wait here for an answer of a person.', () =>
    [...parked].reduce((sum, count) => sum + count(), 0),
  )

  let drained: Promise<unknown> | undefined
  const drain = (): Promise<unknown> => {
    drained ??= Promise.race([company?.drain(), sleep(company ? drainLimit : 0, undefined, { ref: false })])
    return drained
  }

  return {
    serve(first) {
      const { resource } = first
      let endpoint = first
      const seats = createSeats()
      seats.arrange(first, upstreams)
      const catalog = createRenewableCatalog(() =>
        createCatalog({
          upstreams: [...seats.upstreams],
          clock,
          store,
          pins: createPins(now.settings.pins, reporter.report),
          onProblem: ({ kind, upstream, message }) => log.warn({ kind, upstream }, message.slice(0, longestMessage)),
        }),
      )
      const gateway = createGateway({
        ...parts,
        identity: {
          ...identity,
          get title() {
            return endpoint.title
          },
        },
        resource,
        get ownOrigins() {
          return originsOf(now.settings)
        },
        get development() {
          return now.development
        },
        get parked() {
          return now.settings.parked
        },
        get arePinsEnforced() {
          return arePinsEnforced(now.settings)
        },
        rules: () => now.settings.rules,
        limits,
        get builtin() {
          return seats.upstreams.some(({ settings }) => settings.transport === 'builtin') ? builtin : undefined
        },
        upstreams: seats.upstreams,
        elsewhere: company?.parkedAt(resource),
        outcomes,
        catalog,
        onerror: (err) => log.info({ err }, 'the gateway could not tell somebody something'),
        onFault: (upstream, error) => {
          const detail = error instanceof UpstreamError ? error.detail : undefined
          log.warn({ upstream, ...(detail && { detail }) }, error.message.slice(0, longestMessage))
        },
        clock: clock.now,
      })
      let terms = termsOf(now.settings)
      const change = (next: ServedEndpoint, changed: ReadonlySet<string>): void => {
        const before = [...namesOf(seats), terms]
        endpoint = next
        terms = termsOf(now.settings)
        seats.arrange(next, upstreams)
        const after = namesOf(seats)
        if (before.join() !== [...after, terms].join() || after.some((name) => changed.has(name))) catalog.renew()
      }
      served.set(resource, change)
      parked.add(gateway.parked)
      return {
        ...gateway,
        async close() {
          if (served.get(resource) === change) served.delete(resource)
          parked.delete(gateway.parked)
          await gateway.close?.()
        },
      }
    },

    change({ endpoints, ...next }) {
      if (pinsOf(next.settings) !== pinsOf(now.settings)) reporter.begin(next.settings)
      now = next
      const changed = opened.change(next.settings)
      for (const endpoint of endpoints) served.get(endpoint.resource)?.(endpoint, changed)
      return [...changed]
    },

    callerKeys() {
      const isTold = upstreams.some(({ settings: one }) => 'identity' in one && one.identity?.as === 'jwt')
      return isTold ? callers.keySet() : undefined
    },

    drain: () => void drain(),

    async close() {
      await drain()
      await opened.close()
      await company?.close()
      keyFile.close()
    },
  }
}

function pinsOf({ pins }: GatewaySettings): string {
  return `${pins.mode} ${pins.lock.print}`
}

/** What decides, besides what stands at an endpoint, what is shown of it. */
function termsOf(settings: GatewaySettings): string {
  return JSON.stringify([settings.rules, pinsOf(settings)])
}

function namesOf({ upstreams }: Seats): readonly string[] {
  return upstreams.map(({ settings }) => settings.name)
}
