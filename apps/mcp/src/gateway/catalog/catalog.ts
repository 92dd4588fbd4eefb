// The catalog of one endpoint: see contract.ts for what it is, names.ts and uris.ts for whose a name or a URI is, lists.ts
// for when upstreams are asked, watches.ts for what changed. Upstreams that are down are kept away by breaker.ts.
import { createRecent } from '../recent.ts'
import type { Behalf, Description, Era, Members, Upstream } from '../upstreams/contract.ts'
import type { Catalog, CatalogOptions, Problem, Shows } from './contract.ts'
import { describeEndpoint } from './describe.ts'
import { createNamed, leastTtl } from './exposed.ts'
import { createLists } from './lists.ts'
import { listings } from './pages.ts'
import { createPinnedLists } from './pinned-lists.ts'
import { createUris } from './uris.ts'
import { createWatches, type Watches } from './watches.ts'

/** Milliseconds: clients give a server ten seconds to begin. */
const describedWithin = 2_000
const reportedAgain = 600_000
const mostReports = 1_000

export function createCatalog(given: CatalogOptions): Catalog {
  const options = { ...given, onProblem: seldom(given) }
  const { upstreams, clock, onProblem } = options
  const said = createLists({
    ...options,
    heard: (...heard) => watches.heard(...heard),
  })
  const lists = options.pins ? createPinnedLists(said, options.pins) : said
  const watches: Watches = createWatches(options, lists)
  const tools = createNamed('tools', options, lists)
  const prompts = createNamed('prompts', options, lists)
  const uris = createUris(options, lists)

  async function listTools(behalf: Behalf, era: Era, shows?: Shows): Promise<Members> {
    const { items, ttlMs } = await tools.list(behalf, era, shows)
    return { tools: await uris.showPages(behalf, items), ...hints(ttlMs, era) }
  }

  async function listPrompts(behalf: Behalf, era: Era, shows?: Shows): Promise<Members> {
    const { items, ttlMs } = await prompts.list(behalf, era, shows)
    return { prompts: items.map(({ item }) => item), ...hints(ttlMs, era) }
  }

  /** What it says of itself now, or said last: who begins is not kept waiting by one that hangs. */
  async function described(upstream: Upstream, behalf: Behalf): Promise<Description | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const cancel = clock.after(describedWithin, () => resolve(undefined))
    const asked = lists.description(upstream, behalf)
    asked.catch(() => undefined)
    const said = await Promise.race([asked, promise]).finally(cancel)
    return said ?? lists.lastDescription(upstream, behalf)
  }

  async function listByUri(
    kind: 'resources' | 'resourceTemplates',
    behalf: Behalf,
    era: Era,
    shows: Shows = () => true,
  ): Promise<Members> {
    const { by } = listings[kind]
    const all = await Promise.all(upstreams.map((upstream) => lists.list(upstream, kind, behalf, 'hint')))
    const first = new Map<string, { readonly upstream: Upstream; readonly item: Members }>()
    for (const [index, upstream] of upstreams.entries())
      for (const item of all[index]?.items ?? []) {
        const other = first.get(item[by])
        if (!other) first.set(item[by], { upstream, item })
        else {
          const { name } = upstream.settings
          const message = `${item[by]} of ${name} is left out: ${other.upstream.settings.name} has it`
          onProblem({ kind: 'clash', upstream: name, message })
        }
      }
    const shown = [...first].filter(([uri, { upstream }]) => shows(upstream, String(uri)))
    return { [kind]: shown.map(([, { item }]) => item), ...hints(leastTtl(all, clock.now()), era) }
  }

  return {
    tools: listTools,
    prompts: listPrompts,
    resources: (behalf, era, shows) => listByUri('resources', behalf, era, shows),
    templates: (behalf, era, shows) => listByUri('resourceTemplates', behalf, era, shows),
    findTool: (name, behalf) => tools.find(name, behalf),
    awayTool: (name, behalf) => tools.away(name, behalf),
    withheldTool: (name, behalf) => tools.withheld(name, behalf),
    findPrompt: (name, behalf) => prompts.find(name, behalf),
    findResource: (uri, behalf) => uris.find(uri, behalf),
    async describe(behalf, era, tellsOf = () => true) {
      const all = upstreams.map(async (upstream) => {
        const said = await described(upstream, behalf)
        return { name: upstream.settings.name, said, isTold: tellsOf(upstream) }
      })
      return describeEndpoint(await Promise.all(all), era)
    },
    known: (upstream, behalf) => lists.lastDescription(upstream, behalf),
    note: (owner, uri, upstream) => uris.note(owner, [uri], upstream),
    show: (behalf, result, upstream) => uris.show(behalf, result, upstream),
    heard: (notification, behalf, upstream) => watches.heard(notification, behalf, upstream),
    watch: (behalf, era, changed) => watches.watch(behalf, era, changed),
  }
}

/** Private: names and lists are this caller's. */
function hints(ttlMs: number, era: Era): Members {
  return era === '2026' ? { ttlMs, cacheScope: 'private' } : {}
}

function seldom({ clock, onProblem }: Pick<CatalogOptions, 'clock' | 'onProblem'>): (problem: Problem) => void {
  const reported = createRecent<number>(mostReports)
  return (problem) => {
    const key = `${problem.kind} ${problem.upstream} ${problem.message}`
    if ((reported.get(key) ?? Number.NEGATIVE_INFINITY) > clock.now() - reportedAgain) return
    reported.set(key, clock.now())
    onProblem(problem)
  }
}
