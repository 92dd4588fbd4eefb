// What can be said of rules before anybody calls. What they mean for a call is for the MCP server, which alone reads conditions.
import { type RuleInFile, type Selector, selectable } from './gateway-file.ts'

type Rule = Pick<RuleInFile, 'tools' | 'prompts' | 'resources' | 'scopes'>

/** The scopes that rules ask for, of those that name one of these upstreams; in the order of the file. */
export function scopesOf(rules: readonly Rule[], upstreams?: readonly string[]): readonly string[] {
  const here = rules.filter(
    (rule) => !upstreams || selectable.some((kind) => rule[kind].some(({ upstream }) => upstreams.includes(upstream))),
  )
  return [...new Set(here.flatMap(({ scopes }) => scopes))]
}

/**
 * Rules that can never decide anything, because those before them without a condition fit all that they name. `by`: the last
 * one that it takes.
 */
export function shadowed(rules: readonly RuleInFile[]): readonly { readonly rule: number; readonly by: number }[] {
  return rules.flatMap((rule, index) => {
    const by = selectable.flatMap((kind) =>
      rule[kind].map((selector) =>
        rules.findIndex(
          (earlier, at) =>
            at < index && earlier.when === undefined && earlier[kind].some((one) => contains(one, selector)),
        ),
      ),
    )
    return by.includes(-1) ? [] : [{ rule: index, by: Math.max(...by) }]
  })
}

/** What fits `inner` fits `outer`: a `*` of `inner` is a character that no other character of `outer` is. */
function contains(outer: Selector, inner: Selector): boolean {
  return outer.upstream === inner.upstream && matchesGlob(outer.glob, inner.glob)
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
