// What the file and the servers do not know of each other: rules and limits that name nothing, and tools that no rule names.
import { type LimitsInFile, matchesGlob } from '@gatehouse/shared/gateway-file'
import type { GatewayRules, Rule } from '../settings.ts'
import { isRuled } from './rules.ts'

/** What a server has, by its own names. Undefined: nobody knows. */
export interface Inventory {
  readonly upstream: string
  readonly tools: readonly string[] | undefined
  readonly prompts: readonly string[] | undefined
}

const mostNamed = 10

/** In words. Of resources nothing is said: there may be more than are listed. */
export function gapsIn({ rules, openByDefault }: GatewayRules, inventories: readonly Inventory[]): readonly string[] {
  return (['tools', 'prompts'] as const).flatMap((kind) =>
    inventories.flatMap((inventory) => {
      const { upstream } = inventory
      const names = inventory[kind]
      if (!names || !isRuled({ rules, openByDefault }, upstream)) return []
      const here = rules.flatMap((rule) =>
        rule[kind].filter((one) => one.upstream === upstream).map(({ glob }) => ({ rule, glob })),
      )
      const idle = here.filter(({ glob }) => !names.some((name) => matchesGlob(glob, name)))
      const unlike = here.filter(
        (one) => one.rule.annotations && !idle.includes(one) && !names.some((name) => isAbout(one, upstream, name)),
      )
      // of what is not pinned it is said elsewhere
      const unnamed = names.filter((name) => !here.some((one) => isAbout(one, upstream, name) !== false))
      return [
        ...idle.map(({ rule, glob }) => `${rule.name}.${kind}: ${upstream} has nothing that fits ${upstream}/${glob}`),
        ...unlike.map(
          ({ rule, glob }) =>
            `${rule.name}.annotations: ${upstream} has no pinned tool that fits ${upstream}/${glob} and is so annotated`,
        ),
        ...(unnamed.length > 0 && !openByDefault.includes(upstream)
          ? [`${upstream}: no rule names these ${kind}, so nobody may use them: ${shown(unnamed)}`]
          : []),
      ]
    }),
  )
}

/** Undefined: it asks for annotations, and no tool of this name is pinned. */
function isAbout({ rule, glob }: { readonly rule: Rule; readonly glob: string }, upstream: string, name: string) {
  if (!matchesGlob(glob, name)) return false
  return rule.annotations ? rule.annotations.holds(upstream, name) : true
}

/** Limits of tools that there are not, in words. */
export function idleLimits({ tools }: LimitsInFile, inventories: readonly Inventory[]): readonly string[] {
  return tools.flatMap(({ upstream, glob }) => {
    const names = inventories.find((one) => one.upstream === upstream)?.tools
    if (!names || names.some((name) => matchesGlob(glob, name))) return []
    return [`limits.tool: ${upstream} has nothing that fits ${upstream}/${glob}`]
  })
}

function shown(names: readonly string[]): string {
  const more = names.length - mostNamed
  return names.slice(0, mostNamed).join(', ') + (more > 0 ? `, and ${more} more` : '')
}
