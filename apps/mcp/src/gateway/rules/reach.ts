// Whether rules may allow a caller anything of an upstream: who may do nothing with one need not hear of it. This is about words
// alone, such as instructions. What a caller may do is for judge() to say.
import { globContains } from '@gatehouse/shared/gateway-file'
import type { GatewayRules, Rule } from '../settings.ts'
import { type Asked, factsOf, isFor, isRuled, kinds, type RuleCaller, rulesAbout } from './rules.ts'

/** With scopes that it has not, and with whatever arguments. */
export function mayUse(
  settings: GatewayRules,
  { upstream, caller, endpoint }: { readonly upstream: string; readonly caller: RuleCaller; readonly endpoint: string },
): boolean {
  if (!isRuled(settings, upstream)) return true
  return kinds.some((kind) => {
    const denied: string[] = []
    const isDenied = (glob: string) => denied.some((outer) => globContains(outer, glob))
    for (const { rule, globs } of rulesAbout(settings, upstream, kind)) {
      const fits = fitsAtAll(rule, { thing: { kind, upstream, name: '' }, caller, endpoint, args: undefined })
      if (fits === 'never') continue
      if (rule.allow && fits !== 'fails' && globs.some((glob) => !isDenied(glob))) return true
      if (fits !== 'maybe') denied.push(...globs)
    }
    return settings.openByDefault.includes(upstream) && !isDenied('*')
  })
}

/** `fails`: its condition does, whatever is called, and so it denies. */
function fitsAtAll(rule: Rule, asked: Asked): 'always' | 'maybe' | 'never' | 'fails' {
  const { condition } = rule
  if (!isFor(rule, asked.caller)) return 'never'
  if (rule.annotations || condition?.mentionsArgs || condition?.mentionsTool) return 'maybe'
  if (!condition) return 'always'
  try {
    return condition.holds(factsOf(asked)) ? 'always' : 'never'
  } catch {
    return 'fails'
  }
}
