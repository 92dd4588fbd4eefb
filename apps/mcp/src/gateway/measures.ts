// What an operator sees of each upstream in the metrics. Labels are names of the file, and outcomes, of which there are few.
import type { Metrics } from '@gatehouse/service'
import type { LimitKind } from './limits/limits.ts'
import type { Outcome } from './outcomes.ts'
import type { Upstream } from './upstreams/contract.ts'

/** What says whether an upstream can be reached; the others concern one request. */
const isUp: Readonly<Partial<Record<Outcome, 0 | 1>>> = { answered: 1, error: 1, unreachable: 0, unauthorized: 0 }

/** `upstreams`: as they are now. Returns whom to tell how a request came out, and after how many milliseconds. */
export function measureUpstreams(
  metrics: Metrics,
  upstreams: () => readonly Upstream[],
): (upstream: string, outcome: Outcome, took: number) => void {
  const last = new Map<string, 0 | 1>()
  const names = () => upstreams().map(({ settings }) => settings.name)
  const countRequest = metrics.counter(
    'gatehouse_gateway_requests_total',
    'Requests to upstreams, by how they came out.',
    ['upstream', 'outcome'],
  )
  const observe = metrics.histogram(
    'gatehouse_gateway_request_duration_seconds',
    'From a request to an upstream to its outcome.',
    ['upstream'],
  )
  metrics.gauges(
    'gatehouse_gateway_up',
    'Whether an upstream answered when it was asked last. Missing: it was not asked yet.',
    ['upstream'],
    () =>
      names().flatMap((upstream) => {
        const value = last.get(upstream)
        return value === undefined ? [] : [{ labels: { upstream }, value }]
      }),
  )
  metrics.gauges(
    'gatehouse_gateway_connections',
    'What is open to an upstream here: processes of a command, sessions of a server.',
    ['upstream'],
    () => upstreams().map(({ settings, open }) => ({ labels: { upstream: settings.name }, value: open })),
  )

  return (upstream, outcome, took) => {
    countRequest({ upstream, outcome })
    observe({ upstream }, took / 1_000)
    const up = isUp[outcome]
    if (up !== undefined) last.set(upstream, up)
  }
}

/** Returns whom to tell that a limit of the file refused a request. `upstream`: of a call; undefined: it was not known yet. */
export function measureLimits(metrics: Metrics): (kind: LimitKind, upstream: string | undefined) => void {
  const count = metrics.counter(
    'gatehouse_gateway_limited_total',
    'Requests that a limit of the file refused: by caller, client or tool.',
    ['upstream', 'kind'],
  )
  return (kind, upstream = '') => count({ upstream, kind })
}
