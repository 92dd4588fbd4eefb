// Whose a URI is: of the first upstream of the file that lists it, else of the first with a template for it, else of the one
// that showed it to this caller last. It is never tried at several. A link of an upstream that would lead to another one is
// rewritten: see links.ts.
import type { Behalf, Members, Owner, Upstream } from '../upstreams/contract.ts'
import type { CatalogOptions, FoundResource, Kind } from './contract.ts'
import { shownKey } from './keys.ts'
import { fromOwnLink, isOwnLink, linksIn, ownLink, withLinks, withPage } from './links.ts'
import { type Age, askedAgain, type Kept, type Lists } from './lists.ts'
import { readUriTemplate, type UriPattern } from './uri-template.ts'

const mostShown = 500
const longestUri = 2_048
const shownFor = 3_600_000
const mostTemplates = 500
/** Links of one result, in the order in which they stand there. */
const mostLookedAt = 20
/** In all templates of one upstream: each costs a walk over the URI. */
const mostExpressions = 200

/** A URI, and the upstream that showed it; the last first. */
type Shown = readonly [string, string]

export interface Uris {
  find(uri: string, behalf: Behalf): Promise<FoundResource | undefined>
  note(owner: Owner, uris: readonly string[], upstream: Upstream): Promise<void>
  show(behalf: Behalf, result: Members, upstream: Upstream): Promise<Members>
  /** The same for pages of tools. */
  showPages(
    behalf: Behalf,
    tools: readonly { readonly item: Members; readonly upstream: Upstream }[],
  ): Promise<readonly Members[]>
}

export function createUris(
  { upstreams, store, clock, pins, onProblem }: CatalogOptions,
  { list, last }: Pick<Lists, 'list' | 'last'>,
): Uris {
  /** Of all upstreams at once: who wants only the first need not look at the others. */
  function askAll(kind: Kind, behalf: Behalf, age: Age): readonly Promise<Kept | undefined>[] {
    const asked = upstreams.map((upstream) => list(upstream, kind, behalf, age))
    for (const one of asked) one.catch(() => undefined)
    return asked
  }

  const turns = new Map<string, Promise<unknown>>()
  const listed = new WeakMap<Kept, ReadonlySet<string>>()
  const patterns = new WeakMap<Kept, ReadonlyMap<string, UriPattern | undefined>>()

  function lists(kept: Kept | undefined, uri: string): boolean {
    if (!kept) return false
    const uris = listed.get(kept) ?? new Set(kept.items.map((item) => String(item.uri)))
    listed.set(kept, uris)
    return uris.has(uri)
  }

  function templateFor(kept: Kept | undefined, uri: string): string | undefined {
    if (!kept) return undefined
    const all = patterns.get(kept) ?? patternsOf(kept)
    patterns.set(kept, all)
    if (all.has(uri)) return uri
    for (const [text, isFor] of all) if (isFor?.(uri)) return text
    return undefined
  }

  async function byList(uri: string, behalf: Behalf, age: Age): Promise<Upstream | undefined> {
    const asked = askAll('resources', behalf, age)
    for (const [index, upstream] of upstreams.entries()) if (lists(await asked[index], uri)) return upstream
    return undefined
  }

  async function byTemplate(uri: string, behalf: Behalf, age: Age): Promise<Upstream | undefined> {
    const asked = askAll('resourceTemplates', behalf, age)
    for (const [index, upstream] of upstreams.entries()) {
      const template = templateFor(await asked[index], uri)
      if (template === undefined) continue
      void reportOverlap(uri, upstream, template, asked.slice(index + 1), index + 1)
      return upstream
    }
    return undefined
  }

  /** Later, so that the first need not wait for the others. */
  async function reportOverlap(
    uri: string,
    { settings }: Upstream,
    template: string,
    asked: readonly Promise<Kept | undefined>[],
    from: number,
  ): Promise<void> {
    for (const [index, kept] of (await Promise.allSettled(asked)).entries()) {
      const theirs = kept.status === 'fulfilled' ? templateFor(kept.value, uri) : undefined
      const other = upstreams[from + index]
      if (theirs === undefined || !other) continue
      const message = `${theirs} of ${other.settings.name} overlaps with ${template} of ${settings.name}, which is asked`
      onProblem({ kind: 'clash', upstream: other.settings.name, message })
    }
  }

  async function offered(uri: string, behalf: Behalf, age: Age): Promise<FoundResource | undefined> {
    const listing = await byList(uri, behalf, age)
    if (listing) return { upstream: listing, uri, by: 'list' }
    const templated = await byTemplate(uri, behalf, age)
    return templated && { upstream: templated, uri, by: 'template' }
  }

  /** A template that is not pinned leads nowhere: neither where there is nobody else to ask, nor by what a result showed. */
  async function isWithheld({ upstream, uri }: FoundResource, behalf: Behalf): Promise<boolean> {
    if (!pins?.areEnforced) return false
    const age = Number.POSITIVE_INFINITY
    const templates = await list(upstream, 'resourceTemplates', behalf, age)
    if (!templates?.withheld || templateFor(templates, uri) !== undefined) return false
    const { withheld: items, ...rest } = templates
    if (templateFor({ ...rest, items }, uri) === undefined) return false
    return !lists(await list(upstream, 'resources', behalf, age), uri)
  }

  async function shown(uri: string, behalf: Behalf): Promise<FoundResource | undefined> {
    const all: readonly Shown[] = (await store.get(shownKey(behalf.owner))) ?? []
    const name = all.find(([one]) => one === uri)?.[1]
    const upstream = upstreams.find(({ settings }) => settings.name === name)
    if (!upstream) return undefined
    const found = { upstream, uri: fromOwnLink(uri, upstream.settings.name), by: 'shown' } as const
    return (await isWithheld(found, behalf)) ? undefined : found
  }

  /** One after the other, or two results at once would lose one of them. */
  function add(owner: Owner, uris: ReadonlySet<string>, upstream: string): Promise<void> {
    const key = shownKey(owner)
    const added = (turns.get(key) ?? Promise.resolve()).then(async () => {
      const before: readonly Shown[] = (await store.get(key)) ?? []
      const now = [...uris].map((uri): Shown => [uri, upstream])
      const all = [...now, ...before.filter(([uri]) => !uris.has(uri))].slice(0, mostShown)
      await store.put(key, all, clock.now() + shownFor)
    })
    const turn = added.catch(() => undefined).finally(() => turns.get(key) === turn && turns.delete(key))
    turns.set(key, turn)
    return added
  }

  /** Of those that are offered, as far as that is known: nobody is asked for the sake of a link. */
  async function offeredElsewhere(
    uris: readonly string[],
    behalf: Behalf,
    than: Upstream,
  ): Promise<ReadonlySet<string>> {
    const known = async (kind: Kind) => Promise.all(upstreams.map((upstream) => last(upstream, kind, behalf)))
    const [resources, templates] = await Promise.all([known('resources'), known('resourceTemplates')])
    const here = upstreams.indexOf(than)
    const elsewhere = uris.filter((uri) => {
      const listing = resources.findIndex((kept) => lists(kept, uri))
      const first = listing >= 0 ? listing : templates.findIndex((kept) => templateFor(kept, uri) !== undefined)
      return first >= 0 && first !== here
    })
    return new Set(elsewhere)
  }

  /** How each is written. Beyond so many nobody looks whether another one has it. */
  async function shownBy(
    upstream: Upstream,
    uris: readonly string[],
    behalf: Behalf,
  ): Promise<(uri: string) => string> {
    const known = await offeredElsewhere(uris.slice(0, mostLookedAt), behalf, upstream)
    const beyond = new Set(uris.slice(mostLookedAt))
    const isOthers = (uri: string) => known.has(uri) || beyond.has(uri) || isOwnLink(uri)
    return (uri) => (isOthers(uri) ? ownLink(uri, upstream.settings.name) : uri)
  }

  async function note(owner: Owner, uris: readonly string[], { settings }: Upstream): Promise<void> {
    const worth = new Set(uris.filter((uri) => uri.length <= longestUri).slice(0, mostShown))
    if (upstreams.length > 1 && worth.size > 0) await add(owner, worth, settings.name)
  }

  return {
    note,
    async show(behalf, result, upstream) {
      const uris = upstreams.length > 1 ? linksIn(result).slice(0, mostShown) : []
      if (uris.length === 0) return result
      const shownAs = await shownBy(upstream, uris, behalf)
      await note(behalf.owner, uris.map(shownAs), upstream)
      return withLinks(result, shownAs)
    },
    async showPages(behalf, tools) {
      if (upstreams.length < 2) return tools.map(({ item }) => item)
      const shown: Members[] = []
      for (const { item, upstream } of tools) {
        const pages: string[] = []
        withPage(item, (uri) => {
          pages.push(uri)
          return uri
        })
        const shownAs = pages.length > 0 ? await shownBy(upstream, pages, behalf) : undefined
        if (shownAs) await note(behalf.owner, pages.map(shownAs), upstream)
        shown.push(shownAs ? withPage(item, shownAs) : item)
      }
      return shown
    },
    async find(uri, behalf) {
      const [first, second] = upstreams
      if (first && !second) {
        const found = { upstream: first, uri, by: 'only' } as const
        return (await isWithheld(found, behalf)) ? undefined : found
      }
      if (isOwnLink(uri)) return shown(uri, behalf)
      const known = await offered(uri, behalf, Number.POSITIVE_INFINITY)
      return known ?? (await shown(uri, behalf)) ?? offered(uri, behalf, askedAgain)
    },
  }
}

function patternsOf({ items }: Kept): ReadonlyMap<string, UriPattern | undefined> {
  const all = new Map<string, UriPattern | undefined>()
  let left = mostExpressions
  for (const { uriTemplate } of items.slice(0, mostTemplates)) {
    const text = String(uriTemplate)
    left -= text.split('{').length - 1
    all.set(text, left < 0 ? undefined : readUriTemplate(text))
  }
  return all
}
