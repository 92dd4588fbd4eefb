// What came of calls, as an operator sees it in the metrics: by upstream, tool and decision. No label is a client's word: a tool
// has one only if its server lists it, and there are so many of them at most.
import type { Metrics } from '@gatehouse/service'
import type { Call } from '../mcp/call-audit.ts'

/** Tools that have a label: of one upstream, and in all. The others are `other`. */
const mostTools = { ofOne: 100, inAll: 500 } as const
/** Characters of a tool's own name. */
const longestName = 128

type Decision = 'allowed' | 'scopes' | 'denied' | 'unknown' | 'limited'

/** Returns whom to tell what came of a call, and after how many milliseconds it was answered. */
export function measureCalls(metrics: Metrics): (call: Call, took: number) => void {
  const count = metrics.counter(
    'gatehouse_gateway_calls_total',
    'Calls of tools: what was decided, and what came of them.',
    ['upstream', 'tool', 'decision', 'outcome'],
  )
  const observe = metrics.histogram(
    'gatehouse_gateway_call_duration_seconds',
    'From a call that was allowed to the end of its answer.',
    ['upstream', 'tool'],
  )
  const labelled = new Map<string, Set<string>>()
  let all = 0

  function labelOf({ upstream, name }: NonNullable<Call['called']>): string {
    const known = labelled.get(upstream) ?? new Set()
    if (known.has(name)) return name
    if (known.size >= mostTools.ofOne || all >= mostTools.inAll || name.length > longestName) return 'other'
    labelled.set(upstream, known.add(name))
    all += 1
    return name
  }

  return (call, took) => {
    const decision = decisionOf(call)
    if (decision === undefined) return
    const upstream = call.called?.upstream ?? call.upstream ?? 'none'
    const tool = call.called ? labelOf(call.called) : 'other'
    count({ upstream, tool, decision, outcome: call.outcome })
    if (decision === 'allowed') observe({ upstream, tool }, took / 1_000)
  }
}

/** Undefined: it was no call that anybody decided on, such as one whose headers say something else. */
function decisionOf({ decision, reason, called, outcome }: Call): Decision | undefined {
  if (reason?.endsWith('_limit')) return 'limited'
  if (decision === 'deny') return reason === 'insufficient_scope' ? 'scopes' : 'denied'
  if (decision === undefined) return undefined
  return called === undefined && outcome === 'error' ? 'unknown' : 'allowed'
}
