// What the rules of the file say of one thing and one caller: the first rule that fits decides. Pure: it asks nobody, and knows
// neither requests nor lists. What it is asked for is in relay/ (calls, and what belongs to them) and in gateway.ts (lists).
import { effectiveScopes } from '@gatehouse/shared'
import { globMatcher } from '@gatehouse/shared/gateway-file'
import type { GatewayRules, Rule } from '../settings.ts'
import type { Facts } from './cel.ts'

/** Something of an upstream, by its own name there; a resource by its URI. */
export interface Thing {
  readonly kind: 'tools' | 'prompts' | 'resources'
  readonly upstream: string
  readonly name: string
}

export interface RuleCaller {
  readonly subject: string
  readonly clientId: string
  /** As granted. */
  readonly scopes: ReadonlySet<string>
  readonly groups?: readonly string[] | undefined
}

export interface Asked {
  readonly thing: Thing
  readonly caller: RuleCaller
  /** The resource identifier. */
  readonly endpoint: string
  /** Of a call or a prompt. Undefined: not known, as when things are listed. */
  readonly args: unknown
}

/**
 * `rule`: the one that decided, as it stands in the file; undefined where none did.
 * - `allowed`
 * - `scopes`: it would be with all of these
 * - `denied`. `error`: the condition of the rule could not be judged. `place`: a URI that may lead elsewhere than it says.
 *   `unpinned`: the rule asks for annotations, and no tool of the name is pinned
 */
export type Decision =
  | { readonly kind: 'allowed'; readonly rule: string | undefined; readonly scopes: readonly string[] }
  | { readonly kind: 'scopes'; readonly rule: string | undefined; readonly scopes: readonly string[] }
  | {
      readonly kind: 'denied'
      readonly rule: string | undefined
      readonly because: 'rule' | 'error' | 'unnamed' | 'place' | 'unpinned'
      readonly error?: string
    }

export interface Judgement {
  /** With arguments that are not known: the best that may come of it. */
  readonly decision: Decision
  /** Rules that were passed over, because they ask for arguments that are not known. */
  readonly open: readonly string[]
  /** Rules that name it, and are about people in other groups, other annotations, or have a condition that does not hold. */
  readonly passed: readonly string[]
}

const base = { tools: 'mcp:tools:call', prompts: 'mcp:tools:read', resources: 'mcp:tools:read' } as const

export const kinds = ['tools', 'prompts', 'resources'] as const

/** Of one upstream: by kind the rules that are about it, and what each of them names. */
interface About {
  readonly rule: Rule
  readonly globs: readonly string[]
  fits(name: string): boolean
}
type OfUpstream = Readonly<Record<Thing['kind'], readonly About[]>>

/** Made once: a list asks for each of its tools. */
const indexed = new WeakMap<GatewayRules, ReadonlyMap<string, OfUpstream>>()

function indexOf(settings: GatewayRules): ReadonlyMap<string, OfUpstream> {
  const known = indexed.get(settings)
  if (known) return known
  const upstreams = new Set(
    settings.rules.flatMap((rule) => kinds.flatMap((kind) => rule[kind].map(({ upstream }) => upstream))),
  )
  const of = (upstream: string, kind: Thing['kind']) =>
    settings.rules.flatMap((rule) => {
      const globs = rule[kind].filter((one) => one.upstream === upstream).map(({ glob }) => glob)
      const matchers = globs.map(globMatcher)
      return globs.length > 0 ? [{ rule, globs, fits: (name: string) => matchers.some((fits) => fits(name)) }] : []
    })
  const made = new Map(
    [...upstreams].map((upstream): [string, OfUpstream] => [
      upstream,
      { tools: of(upstream, 'tools'), prompts: of(upstream, 'prompts'), resources: of(upstream, 'resources') },
    ]),
  )
  indexed.set(settings, made)
  return made
}

/** Whether the file says anything of an upstream. */
export function isRuled(settings: GatewayRules, upstream: string): boolean {
  return indexOf(settings).has(upstream)
}

/** In the order of the file. */
export function rulesAbout(settings: GatewayRules, upstream: string, kind: Thing['kind']): readonly About[] {
  return indexOf(settings).get(upstream)?.[kind] ?? []
}

export function judge(settings: GatewayRules, asked: Asked): Judgement {
  const { thing } = asked
  const outcomes: Decision[] = []
  const [open, passed]: [string[], string[]] = [[], []]
  const facts = factsOf(asked)
  for (const { rule, fits } of rulesAbout(settings, thing.upstream, thing.kind)) {
    if (!fits(thing.name)) continue
    const meant = isFor(rule, asked.caller) && isAnnotated(rule, thing)
    if (meant === true && rule.condition?.mentionsArgs && asked.args === undefined) {
      open.push(rule.name)
      outcomes.push(outcomeOf(rule, asked))
      continue
    }
    const held = meant === true ? holds(rule, facts) : meant
    if (held === false) {
      passed.push(rule.name)
      continue
    }
    outcomes.push(held === true ? outcomeOf(rule, asked) : held)
    return { decision: best(outcomes), open, passed }
  }
  outcomes.push(withoutRule(settings, asked))
  return { decision: best(outcomes), open, passed }
}

/** Whether something is on a caller's list: it may be called with it, as far as that is known without arguments. */
export function isShown(settings: GatewayRules, asked: Omit<Asked, 'args'>): boolean {
  if (!isRuled(settings, asked.thing.upstream)) return true
  // who may only read sees what may be called besides
  const caller = { ...asked.caller, scopes: new Set([...asked.caller.scopes, 'mcp:tools:call']) }
  return judge(settings, { ...asked, caller, args: undefined }).decision.kind === 'allowed'
}

/** A rule that names groups is not about who is in none of them. */
export function isFor({ groups }: Rule, caller: RuleCaller): boolean {
  return !groups || groups.some((name) => caller.groups?.includes(name))
}

/** A decision: nobody reviewed what it says of itself. */
function isAnnotated({ name, annotations }: Rule, thing: Thing): boolean | Decision {
  const isSuch = annotations ? annotations.holds(thing.upstream, thing.name) : true
  return isSuch ?? { kind: 'denied', rule: name, because: 'unpinned' }
}

/** A decision: it cannot be said. */
function holds({ name, condition }: Rule, facts: Facts): boolean | Decision {
  if (!condition) return true
  try {
    return condition.holds(facts)
  } catch (error) {
    return { kind: 'denied', rule: name, because: 'error', error: (error as Error).message }
  }
}

export function factsOf({ thing, caller, endpoint, args = {} }: Asked): Facts {
  const { subject, clientId, groups = [], scopes } = caller
  return {
    // RFC 9068 §2.2: a client's own token has its client_id as subject, which no person can have
    caller: {
      kind: subject === clientId ? 'machine' : 'person',
      subject,
      client: clientId,
      groups,
      scopes: [...scopes],
    },
    args,
    tool: thing.name,
    upstream: thing.upstream,
    endpoint,
  }
}

function outcomeOf({ name: rule, allow, scopes }: Rule, asked: Asked): Decision {
  if (!allow) return { kind: 'denied', rule, because: 'rule' }
  if (leadsElsewhere(asked.thing)) return { kind: 'denied', rule, because: 'place' }
  return withScopes(rule, scopes, asked)
}

function withoutRule(settings: GatewayRules, asked: Asked): Decision {
  const { upstream } = asked.thing
  if (!isRuled(settings, upstream)) return withScopes(undefined, [], asked)
  if (!settings.openByDefault.includes(upstream)) return { kind: 'denied', rule: undefined, because: 'unnamed' }
  if (leadsElsewhere(asked.thing)) return { kind: 'denied', rule: undefined, because: 'place' }
  return withScopes(undefined, [], asked)
}

function withScopes(rule: string | undefined, more: readonly string[], { thing, caller }: Asked): Decision {
  const scopes = [base[thing.kind], ...more]
  const held = effectiveScopes(caller.scopes)
  return { kind: scopes.every((scope) => held.has(scope)) ? 'allowed' : 'scopes', rule, scopes }
}

/**
 * A glob over `file:///public/*` is not to be got round by `file:///public/../secret`. Parsers of URLs leave out control characters, and
 * spaces at the ends, before they look for dots.
 */
function leadsElsewhere({ kind, name }: Thing): boolean {
  if (kind !== 'resources') return false
  return /\p{Cc}|^ | $/u.test(name) || /(^|[/\\]|%2f|%5c)(\.|%2e){1,2}([/\\?#]|%2f|%5c|$)/i.test(name)
}

/** The first of the most that may come of it. */
function best(outcomes: readonly Decision[]): Decision {
  const order = ['allowed', 'scopes', 'denied'] as const
  const found = order.map((kind) => outcomes.find((one) => one.kind === kind)).find((one) => one !== undefined)
  return found ?? { kind: 'denied', rule: undefined, because: 'unnamed' }
}
