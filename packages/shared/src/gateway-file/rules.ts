// What can be said of rules before anybody calls. What they mean for a call is for the MCP server, which alone reads conditions.
import { type GatewayFile, type RuleInFile, type Selector, selectable } from './gateway-file.ts'

type Rule = Pick<RuleInFile, 'tools' | 'prompts' | 'resources'>

/** The scopes that rules ask for, of those that name one of these upstreams; in the order of the file. */
export function scopesOf(
  rules: readonly (Rule & Pick<RuleInFile, 'scopes'>)[],
  upstreams?: readonly string[],
): readonly string[] {
  return [...new Set(rulesAbout(rules, upstreams).flatMap(({ scopes }) => scopes))]
}

/**
 * The groups that a token has to name, in the order of the file: those of the rules about these upstreams, and `more`. A condition
 * that speaks of groups may ask for any.
 */
export function groupsOf(
  { groups, rules, endpoints = [] }: Pick<GatewayFile, 'groups' | 'rules' | 'endpoints'>,
  upstreams?: readonly string[],
  more: readonly string[] = endpoints.flatMap((endpoint) => endpoint.groups),
): readonly string[] {
  const all = groups.map(({ name }) => name)
  const here = rulesAbout(rules, upstreams)
  if (here.some(({ when }) => when && /\bgroups\b/.test(when.text))) return all
  const named = new Set([...more, ...here.flatMap((rule) => rule.groups ?? [])])
  return all.filter((name) => named.has(name))
}

function rulesAbout<R extends Rule>(rules: readonly R[], upstreams: readonly string[] | undefined): readonly R[] {
  if (!upstreams) return rules
  return rules.filter((rule) =>
    selectable.some((kind) => rule[kind].some(({ upstream }) => upstreams.includes(upstream))),
  )
}

/**
 * Rules that can never decide anything, because those before them for everybody, without annotations and without a condition fit all that they name. `by`: the last
 * one that it takes.
 */
export function shadowed(rules: readonly RuleInFile[]): readonly { readonly rule: number; readonly by: number }[] {
  return rules.flatMap((rule, index) => {
    const by = selectable.flatMap((kind) =>
      rule[kind].map((selector) =>
        rules.findIndex(
          (earlier, at) => at < index && fitsAll(earlier) && earlier[kind].some((one) => contains(one, selector)),
        ),
      ),
    )
    return by.includes(-1) ? [] : [{ rule: index, by: Math.max(...by) }]
  })
}

const fitsAll = ({ when, groups, annotations }: RuleInFile) => when === undefined && !groups && !annotations

function contains(outer: Selector, inner: Selector): boolean {
  return outer.upstream === inner.upstream && globContains(outer.glob, inner.glob)
}

/** Whether what fits `inner` fits `outer`: a `*` of `inner` is a character that no other character of `outer` is. */
export function globContains(outer: string, inner: string): boolean {
  return matchesGlob(outer, inner)
}

export function matchesGlob(glob: string, name: string): boolean {
  return globMatcher(glob)(name)
}

/** In a glob `*` stands for any characters, and nothing else is special. In linear time, whatever the name is. */
export function globMatcher(glob: string): (name: string) => boolean {
  const [first = '', ...rest] = glob.split('*')
  const last = rest.pop()
  if (last === undefined) return (name) => name === glob
  return (name) => {
    if (!name.startsWith(first)) return false
    let at = first.length
    for (const part of rest) {
      const found = name.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return name.length - last.length >= at && name.endsWith(last)
  }
}
