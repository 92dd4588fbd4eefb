// What is shown of the lists of all upstreams, and under which name each thing is found again.
import type { Behalf, Era, Members, Upstream } from '../upstreams/contract.ts'
import type { Away, CatalogOptions, Found, Shows } from './contract.ts'
import { createGivenNames } from './given-names.ts'
import { type Age, askedAgain, type Kept, type Lists } from './lists.ts'
import { candidates, isNamedAlone, isOffered, type Namer, type Offer } from './names.ts'

interface Shown {
  readonly item: Members
  readonly upstream: Upstream
}

export interface Named {
  /** As they are shown to a client of an era, and the milliseconds for which they count. */
  list(behalf: Behalf, era: Era, shows?: Shows): Promise<{ readonly items: readonly Shown[]; readonly ttlMs: number }>
  find(name: string, behalf: Behalf): Promise<Found | undefined>
  /** Whose it would be, if it were pinned. */
  withheld(name: string, behalf: Behalf): Promise<Upstream | undefined>
  /** Whom the name was given to, if that upstream has no list for this caller. */
  away(name: string, behalf: Behalf): Promise<Away | undefined>
}

export function createNamed(
  kind: 'tools' | 'prompts',
  options: CatalogOptions,
  lists: Pick<Lists, 'list' | 'last'>,
): Named {
  const { upstreams, clock } = options
  const namers: readonly Namer[] = upstreams.map(({ settings: { name, tools } }) => ({
    name,
    prefix: tools.prefix,
    rename: kind === 'tools' ? tools.rename : {},
  }))
  const given = createGivenNames(kind, namers, { ...options, reviewed: upstreams.map(reviewed) })
  /** By exposed name. Names do not change, so what a list was named once counts for as long as the list. */
  const named = new WeakMap<Kept, ReadonlyMap<string, Members>>()

  /** What is pinned has its name before anybody lists it: nobody who is up, or lists it first, takes it from whom is away. */
  function reviewed({ settings: { name, tools } }: Upstream): Offer {
    const names = options.pins?.namesOf(name, kind === 'tools' ? 'tool' : 'prompt') ?? []
    return { upstream: name, names: kind === 'tools' ? names.filter((one) => isOffered(one, tools)) : names }
  }

  function offered({ settings }: Upstream, { items }: Kept): readonly Members[] {
    return kind === 'tools' ? items.filter(({ name }) => isOffered(name, settings.tools)) : items
  }

  async function nameAll(all: readonly (readonly [Upstream, Kept | undefined])[], endpoint: string): Promise<void> {
    const fresh = all.flatMap(([upstream, kept]) => (kept && !named.has(kept) ? [[upstream, kept] as const] : []))
    if (fresh.length === 0) return
    const offers = fresh.map(([upstream, kept]) => ({
      upstream: upstream.settings.name,
      names: offered(upstream, kept).map(({ name }) => String(name)),
    }))
    const exposed = await given.name(offers, endpoint)
    for (const [upstream, kept] of fresh) {
      const names = exposed.get(upstream.settings.name)
      const rows = offered(upstream, kept).flatMap((item) => {
        const name = names?.get(item.name)
        return name === undefined ? [] : [[name, item] as const]
      })
      named.set(kept, new Map(rows))
    }
  }

  async function findIn(upstream: Upstream, name: string, behalf: Behalf, age: Age): Promise<Found | undefined> {
    const kept = await lists.list(upstream, kind, behalf, age)
    await nameAll([[upstream, kept]], behalf.owner.endpoint)
    return lookUp(upstream, kept, name)
  }

  function lookUp(upstream: Upstream, kept: Kept | undefined, name: string): Found | undefined {
    const definition = kept && named.get(kept)?.get(name)
    return definition && { upstream, name: definition.name, definition }
  }

  async function ownerOf(name: string, { owner }: Behalf): Promise<Away | undefined> {
    const owned = await given.ownerOf(name, owner.endpoint)
    const upstream = upstreams.find(({ settings }) => settings.name === owned?.upstream)
    return owned && upstream && { upstream, name: owned.name }
  }

  /** In the list of whom the name was given to; else in all, of which the sick are waited for only where names depend on them. */
  async function look(name: string, behalf: Behalf, age: Age): Promise<Found | undefined> {
    const theirs = await ownerOf(name, behalf)
    const found = theirs && (await findIn(theirs.upstream, name, behalf, age))
    if (found) return found
    if (isNamedAlone(namers)) return firstOf(upstreams.map((upstream) => findIn(upstream, name, behalf, age)))
    const all = await listAll(behalf, age)
    return all.map(([upstream, kept]) => lookUp(upstream, kept, name)).find((one) => one !== undefined)
  }

  async function listAll(behalf: Behalf, age: Age): Promise<readonly (readonly [Upstream, Kept | undefined])[]> {
    const all = await Promise.all(
      upstreams.map(async (upstream) => [upstream, await lists.list(upstream, kind, behalf, age)] as const),
    )
    await nameAll(all, behalf.owner.endpoint)
    return all
  }

  return {
    async list(behalf, era, shows = () => true) {
      const all = await listAll(behalf, 'hint')
      const items = all.flatMap(([upstream, kept]) =>
        [...((kept && named.get(kept)) ?? [])]
          .filter(([, item]) => shows(upstream, String(item.name)))
          .map(([name, item]) => ({ item: shown({ ...item, name }, kept?.era === era), upstream })),
      )
      return {
        items,
        ttlMs: leastTtl(
          all.map(([, kept]) => kept),
          clock.now(),
        ),
      }
    },
    async find(name, behalf) {
      return (await look(name, behalf, Number.POSITIVE_INFINITY)) ?? look(name, behalf, askedAgain)
    },
    async withheld(name, behalf) {
      for (const [index, upstream] of upstreams.entries()) {
        const namer = namers[index]
        const kept = await lists.last(upstream, kind, behalf)
        const mayBe = (item: Members) => namer && candidates(namer, item.name, upstreams.length === 1).includes(name)
        if (kept?.withheld?.some(mayBe)) return upstream
      }
      return undefined
    },
    async away(name, behalf) {
      const theirs = await ownerOf(name, behalf)
      return theirs && !(await lists.last(theirs.upstream, kind, behalf)) ? theirs : undefined
    },
  }
}

/** Milliseconds for which all of them still count; 0 where one does not say so, or has said nothing. */
export function leastTtl(all: readonly (Kept | undefined)[], now: number): number {
  const left = all.map((kept) => (kept ? kept.at + kept.ttlMs - now : 0))
  return Math.max(0, Math.min(...left, Number.MAX_SAFE_INTEGER))
}

/** Tasks are offered within an era only. */
function shown(item: Members, isOfSameEra: boolean): Members {
  if (isOfSameEra || item.execution?.taskSupport === undefined) return item
  const { execution, ...rest } = item
  const { taskSupport: _, ...others } = execution
  return Object.keys(others).length > 0 ? { ...rest, execution: others } : rest
}

/** The first that is something; undefined if none is. Rejects only with what none of them can help. */
async function firstOf<Value>(all: readonly Promise<Value | undefined>[]): Promise<Value | undefined> {
  const nothing = new Error('not here')
  const something = all.map(async (one) => {
    const value = await one
    if (value === undefined) throw nothing
    return value
  })
  try {
    return await Promise.any(something)
  } catch (error) {
    const fault = error instanceof AggregateError ? error.errors.find((one) => one !== nothing) : error
    if (fault !== undefined) throw fault
    return undefined
  }
}
