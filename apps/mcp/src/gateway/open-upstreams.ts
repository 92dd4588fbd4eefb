// The upstreams of the file, opened for all endpoints, and exchanged when the file changes: only what changed.
import type { Metrics } from '@gatehouse/service'
import type { Implementation } from '@modelcontextprotocol/server'
import type { Source } from '../sources/source.ts'
import { withBreaker } from './catalog/breaker.ts'
import { systemClock } from './catalog/clock.ts'
import { fingerprint } from './fingerprint.ts'
import type { CallerIdentity } from './identity/index.ts'
import { createLogBudget, longestMessage } from './log-budget.ts'
import { measureUpstreams } from './measures.ts'
import { createOutcomes, type Outcomes } from './outcomes.ts'
import { createReplaceable, type Replaceable } from './replaceable.ts'
import type { Company } from './replicas/company.ts'
import type { GatewaySettings, UpstreamSettings } from './settings.ts'
import { createBuiltinOpener } from './upstreams/builtin.ts'
import type { Upstream } from './upstreams/contract.ts'
import { withoutBody } from './upstreams/faults.ts'
import { createInflow, largestInflow } from './upstreams/inflow.ts'
import { openUpstream } from './upstreams/open.ts'
import { createProcessStarter } from './upstreams/start-process.ts'

export interface UpstreamParts {
  readonly settings: GatewaySettings
  readonly identity: Implementation
  readonly proxies: Readonly<Record<string, string>> | undefined
  readonly builtin: Source
  readonly log: GatewayLog
  readonly metrics?: Metrics | undefined
  /** Where commands have their folders, and what is running is written down. */
  readonly stateFolder: string
  /** What commands inherit of our environment. */
  readonly inherited: { readonly PATH: string | undefined; readonly LANG: string | undefined }
}

/** As the app's log has them. */
export interface GatewayLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** The upstreams alone, each with its breaker. */
export interface OpenUpstreams {
  /** In the order of the file. */
  readonly upstreams: readonly Replaceable[]
  readonly outcomes: Outcomes
  /** Opens, replaces and ends what changed, and nothing else. Returns the names of those. */
  change(settings: Pick<GatewaySettings, 'upstreams'>): ReadonlySet<string>
  /** Ends what is left of commands, too. */
  close(): Promise<void>
}

export function openUpstreams(
  parts: UpstreamParts,
  company?: Company,
  /** Says who calls. By default nobody is told. */
  identify?: CallerIdentity['valueFor'],
): OpenUpstreams {
  const { settings, identity, log, builtin, proxies } = parts
  const processes = createProcessStarter(parts)
  const introduced = { name: identity.name, version: identity.version }
  const clock = systemClock
  const upstreams: Replaceable[] = []
  const prints = new Map<Replaceable, string>()
  /** Retired, with requests under way perhaps. */
  const leaving = new Set<Replaceable>()
  const onOutcome = parts.metrics && measureUpstreams(parts.metrics, () => upstreams)
  const outcomes = createOutcomes({ onOutcome })
  const budget = createLogBudget(clock.now)
  const onerror = (upstream: string, error: Error): void =>
    budget.spend(upstream, (leftOut) => {
      const { name, message } = withoutBody(error)
      const err = { name, message: message.slice(0, longestMessage) }
      log.info({ upstream, err, ...(leftOut > 0 && { leftOut }) }, 'an upstream is in trouble')
    })

  function open(one: UpstreamSettings, print: string, share: number): Upstream {
    const upstream = openUpstream(one, {
      identity: introduced,
      proxies,
      clock,
      onerror,
      inflow: createInflow(largestInflow / share),
      identify,
      sessions: company?.sessionsOf(one.name, print),
      startProcess: processes.start,
      openBuiltin: ({ name, timeouts }, onFailure) =>
        createBuiltinOpener({
          name,
          source: builtin,
          identity: introduced,
          limit: timeouts.list,
          onerror: onFailure,
          clock: clock.now,
        }),
    })
    return withBreaker(outcomes.watched(company?.place(upstream, print) ?? upstream), clock)
  }

  function change({ upstreams: wanted }: Pick<GatewaySettings, 'upstreams'>): ReadonlySet<string> {
    // all are opened before one is replaced: where that fails, nothing has happened
    const next: { readonly known?: Replaceable | undefined; readonly print: string; readonly fresh?: Upstream }[] = []
    try {
      for (const one of wanted) {
        const known = upstreams.find((upstream) => upstream.settings.name === one.name)
        const print = fingerprint(one)
        const isSame = known !== undefined && prints.get(known) === print
        next.push({ known, print, ...(!isSame && { fresh: open(one, print, wanted.length) }) })
      }
    } catch (error) {
      for (const { fresh } of next) fresh?.close().catch((err: Error) => onerror(fresh.settings.name, err))
      throw error
    }
    const gone = upstreams.filter((upstream) => !next.some(({ known }) => known === upstream))
    const changed = new Set(gone.map(({ settings: { name } }) => name))
    const all = next.flatMap(({ known, print, fresh }) => {
      const upstream = known ?? (fresh && standing(fresh))
      if (!upstream) return []
      prints.set(upstream, print)
      if (fresh) changed.add(fresh.settings.name)
      if (fresh && known) known.replace(fresh)
      return [upstream]
    })
    for (const upstream of gone) {
      prints.delete(upstream)
      leaving.add(upstream)
      void upstream.retire().then(() => leaving.delete(upstream))
    }
    upstreams.splice(0, upstreams.length, ...all)
    return changed
  }

  function standing(first: Upstream): Replaceable {
    return createReplaceable(first, { clock, onerror: (error) => onerror(first.settings.name, error) })
  }

  change(settings)
  return {
    upstreams,
    outcomes,
    change,
    async close() {
      await Promise.all([...upstreams, ...leaving].map((upstream) => upstream.close()))
      await processes.close()
    },
  }
}
