// Why somebody may call a tool, or may not, as the gateway would decide it: the same judge, asked beforehand.
import { effectiveScopes } from '@gatehouse/shared'
import type { LimitsInFile, Rate } from '@gatehouse/shared/gateway-file'
import { isOffered } from '../catalog/names.ts'
import { limitsOf } from '../limits/limits.ts'
import type { GatewaySettings } from '../settings.ts'
import { type Decision, isRuled, isShown, type Judgement, judge, type RuleCaller } from './rules.ts'

export interface Question {
  readonly upstream: string
  /** The upstream's own name of it. */
  readonly tool: string
  readonly caller: RuleCaller
  /** By default the first at which the upstream stands. */
  readonly endpoint: string | undefined
  /** Undefined: not known. */
  readonly args: unknown
}

export interface Explanation extends Pick<Judgement, 'open' | 'passed'> {
  readonly tool: string
  readonly endpoint: string
  readonly kind: 'person' | 'machine'
  readonly decision: Decision
  /** Whether any rule is about the upstream. */
  readonly isRuled: boolean
  /** Of those that it takes. */
  readonly missing: readonly string[]
  /** Whether it is on the caller's list. */
  readonly isListed: boolean
  /** The condition of the rule that decided. */
  readonly when: string | undefined
  /** How often such a call may be made: every limit of the file that counts it. */
  readonly limits: readonly Limit[]
}

export interface Limit {
  /** As it stands in the file: `limits.caller`. */
  readonly name: string
  /** `10/min` */
  readonly rate: string
}

/** A text: why it cannot be said. */
export function explain(
  { endpoints, upstreams, rules, limits }: GatewaySettings,
  question: Question,
): Explanation | string {
  const { upstream, tool, caller, args } = question
  const names = upstreams.find(({ name }) => name === upstream)?.tools
  const served = endpoints.filter(({ upstreams }) => upstreams.includes(upstream)).map(({ resource }) => resource)
  const endpoint = served.find((resource) => question.endpoint === undefined || resource === question.endpoint)
  if (endpoint === undefined) return nowhere(upstream, question.endpoint, served)
  if (names && !isOffered(tool, names)) return `${upstream} leaves ${tool} out, by its own tools`
  const asked = { thing: { kind: 'tools', upstream, name: tool }, caller, endpoint } as const
  const { decision, open, passed } = judge(rules, { ...asked, args })
  const held = effectiveScopes(caller.scopes)
  return {
    tool: `${upstream}/${tool}`,
    endpoint,
    kind: caller.subject === caller.clientId ? 'machine' : 'person',
    decision,
    open,
    passed,
    isRuled: isRuled(rules, upstream),
    missing: 'scopes' in decision ? decision.scopes.filter((scope) => !held.has(scope)) : [],
    isListed: isShown(rules, asked),
    when: rules.rules.find(({ name }) => name === decision.rule)?.condition?.text,
    limits: limitsOn(limits, upstream, tool),
  }
}

function limitsOn(limits: LimitsInFile, upstream: string, tool: string): readonly Limit[] {
  const limit = (name: string, rate: Rate | undefined): readonly Limit[] =>
    rate ? [{ name, rate: `${rate.count}/${rate.per}` }] : []
  return [
    ...limitsOf(limits, upstream, tool).flatMap(({ glob, rate }) => limit(`limits.tool ${upstream}/${glob}`, rate)),
    ...limit('limits.caller', limits.caller),
    ...limit('limits.client', limits.client),
  ]
}

function nowhere(upstream: string, endpoint: string | undefined, served: readonly string[]): string {
  if (served.length === 0) return `no endpoint serves an upstream called ${upstream}`
  return `${upstream} does not stand at ${endpoint}; it stands at ${served.join(', ')}`
}
