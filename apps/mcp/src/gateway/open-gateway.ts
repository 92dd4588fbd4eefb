// From the configuration to what is served: the one place where the parts of the gateway are made.

import type { Metrics } from '@gatehouse/service'
import type { Implementation } from '@modelcontextprotocol/server'
import type { Served } from '../mcp/served.ts'
import type { Source } from '../sources/source.ts'
import { withBreaker } from './catalog/breaker.ts'
import { createCatalog } from './catalog/catalog.ts'
import { systemClock } from './catalog/clock.ts'
import { createMemoryCatalogStore } from './catalog/store.ts'
import { createGateway } from './gateway.ts'
import { measureUpstreams } from './measures.ts'
import { createOutcomes } from './outcomes.ts'
import { seatsAt } from './seat.ts'
import type { EndpointSettings, GatewaySettings } from './settings.ts'
import { createBuiltinOpener } from './upstreams/builtin.ts'
import type { Upstream } from './upstreams/contract.ts'
import { withoutBody } from './upstreams/faults.ts'
import { createInflow, largestInflow } from './upstreams/inflow.ts'
import { openUpstream } from './upstreams/open.ts'
import { createProcessStarter } from './upstreams/start-process.ts'

export interface GatewayParts {
  readonly settings: GatewaySettings
  readonly identity: Implementation
  readonly issuer: string
  readonly development: boolean
  readonly secrets: readonly [string, ...string[]]
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

/** The upstreams alone, each with its breaker; `close` ends what of their commands is left once they are closed. */
export function openUpstreams(
  parts: Pick<
    GatewayParts,
    'settings' | 'identity' | 'log' | 'builtin' | 'proxies' | 'stateFolder' | 'inherited' | 'metrics'
  >,
) {
  const { settings, identity, log, builtin, proxies } = parts
  const processes = createProcessStarter(parts)
  const introduced = { name: identity.name, version: identity.version }
  const clock = systemClock
  const onOutcome = parts.metrics && measureUpstreams(parts.metrics, () => upstreams)
  const outcomes = createOutcomes({ onOutcome })
  const onerror = (upstream: string, error: Error): void =>
    log.info({ upstream, err: withoutBody(error) }, 'an upstream is in trouble')
  const upstreams: readonly Upstream[] = settings.upstreams.map((one) => {
    const upstream = openUpstream(one, {
      identity: introduced,
      proxies,
      clock,
      onerror,
      inflow: createInflow(largestInflow / settings.upstreams.length),
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
    return withBreaker(outcomes.watched(upstream), clock)
  })
  return { upstreams, outcomes, close: processes.close }
}

/** Characters of a line of the log: names in it are an upstream's. */
const longestMessage = 400

export interface Gateway {
  /** What stands behind an endpoint. `title`: what people are shown. */
  serve(endpoint: Omit<EndpointSettings, 'name'> & { readonly title: string }): Served
  /** Once nothing is served any more. */
  close(): Promise<void>
}

/** The upstreams are opened once, for all endpoints. */
export function openGateway(parts: GatewayParts): Gateway {
  const { settings, identity, issuer, log, builtin } = parts
  const clock = systemClock
  const { upstreams, outcomes, close } = openUpstreams(parts)
  const store = createMemoryCatalogStore(clock)
  const ownOrigins = [issuer, ...settings.endpoints.map(({ resource }) => resource)].map((url) => new URL(url).origin)

  return {
    serve({ resource, title, ...endpoint }) {
      const here = seatsAt(endpoint, upstreams)
      const catalog = createCatalog({
        upstreams: here,
        clock,
        store,
        onProblem: ({ kind, upstream, message }) => log.warn({ kind, upstream }, message.slice(0, longestMessage)),
      })
      return createGateway({
        ...parts,
        identity: { ...identity, title },
        resource,
        ownOrigins,
        upstreams: here,
        outcomes,
        catalog,
        builtin: here.some((upstream) => upstream.settings.transport === 'builtin') ? builtin : undefined,
        parked: settings.parked,
        onerror: (err) => log.info({ err }, 'the gateway could not tell somebody something'),
        onFault: (upstream, { message }) => log.warn({ upstream }, message.slice(0, longestMessage)),
        clock: clock.now,
      })
    },

    async close() {
      await Promise.all(upstreams.map((upstream) => upstream.close()))
      await close()
    },
  }
}
