// The links in results, and what becomes of those that lead to another upstream because it has a resource of the same URI: they
// get a URI of their own here, which leads back to whom they are from. Everything else of a result stays as it was sent.
import type { Members } from '../upstreams/contract.ts'

/** A result of a tool, a prompt or a read, with the URIs of its links and embedded resources renamed. */
export function withLinks(result: Members, rename: (uri: string) => string): Members {
  const uriOf = <T>(holder: T): T => {
    if (!isMembers(holder) || typeof holder.uri !== 'string') return holder
    const uri = rename(holder.uri)
    return uri === holder.uri ? holder : { ...holder, uri }
  }
  const block = <T>(one: T): T => {
    if (!isMembers(one)) return one
    if (one.type === 'resource_link') return uriOf(one)
    return one.type === 'resource' ? changed(one, 'resource', uriOf) : one
  }
  const content = <T>(one: T): T => (Array.isArray(one) ? (each(one, block) as T) : block(one))
  const message = <T>(one: T): T => (isMembers(one) ? changed(one, 'content', content) : one)
  const inContent = changed(result, 'content', content)
  const inMessages = changed(inContent, 'messages', (all) => (Array.isArray(all) ? each(all, message) : all))
  const inContents = changed(inMessages, 'contents', (all) => (Array.isArray(all) ? each(all, uriOf) : all))
  // of a task that is done
  return changed(inContents, 'result', (one) => (isMembers(one) ? withLinks(one, rename) : one))
}

/** The page of a tool of MCP Apps, in the definition of the tool. */
export function withPage(tool: Members, rename: (uri: string) => string): Members {
  const inUi = (ui: unknown) => (isMembers(ui) ? changed(ui, 'resourceUri', (uri) => renamed(uri, rename)) : ui)
  return changed(tool, '_meta', (meta) =>
    isMembers(meta) ? changed(changed(meta, 'ui', inUi), 'ui/resourceUri', (uri) => renamed(uri, rename)) : meta,
  )
}

const renamed = (uri: unknown, rename: (uri: string) => string) => (typeof uri === 'string' ? rename(uri) : uri)

/** Each once. */
export function linksIn(result: Members): readonly string[] {
  const uris = new Set<string>()
  withLinks(result, (uri) => {
    uris.add(uri)
    return uri
  })
  return [...uris]
}

/** `ui://` keeps its scheme: hosts know what it is by that. */
const prefixes = (upstream: string) => [`ui://gatehouse+${upstream}/`, `gatehouse+${upstream}:`] as const

/** How a URI of an upstream is written where another one has it. */
export function ownLink(uri: string, upstream: string): string {
  const [ui, other] = prefixes(upstream)
  return uri.startsWith('ui://') ? ui + uri.slice('ui://'.length) : other + uri
}

/** Whether a URI is written so, for whichever upstream. */
export function isOwnLink(uri: string): boolean {
  return /^(ui:\/\/)?gatehouse\+/.test(uri)
}

/** The other way round; a URI that was not written so is its own. */
export function fromOwnLink(link: string, upstream: string): string {
  const [ui, other] = prefixes(upstream)
  if (link.startsWith(ui)) return `ui://${link.slice(ui.length)}`
  return link.startsWith(other) ? link.slice(other.length) : link
}

/** The same members where nothing changed: most results have no links. */
function changed<T extends Members>(members: T, name: string, change: (value: unknown) => unknown): T {
  const value = members[name]
  const now = value === undefined ? value : change(value)
  return now === value ? members : { ...members, [name]: now }
}

function each(all: readonly unknown[], change: (one: unknown) => unknown): readonly unknown[] {
  const now = all.map(change)
  return now.some((one, index) => one !== all[index]) ? now : all
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
