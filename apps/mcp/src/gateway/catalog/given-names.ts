// The names that were given at an endpoint, kept for longer than any list, for all callers alike. Two replicas that give
// one name in the same moment may both do so: the store has no more than `get` and `put`.
import type { CatalogOptions } from './contract.ts'
import { dropOldest } from './dropped-names.ts'
import { namesKey } from './keys.ts'
import { giveNames, type Namer, type Naming, type Offer, type Owned } from './names.ts'

const mostNames = 20_000
const remembered = 90 * 86_400_000

export interface GivenNames {
  /** Names what is offered, in the order in which it is asked. */
  name(offers: readonly Offer[], endpoint: string): Promise<Naming['exposed']>
  /** Whose a name is. Undefined: it was not given yet. */
  ownerOf(name: string, endpoint: string): Promise<Owned | undefined>
}

export function createGivenNames(
  kind: 'tools' | 'prompts',
  namers: readonly Namer[],
  {
    store,
    clock,
    reviewed,
    onProblem,
  }: Pick<CatalogOptions, 'store' | 'clock' | 'onProblem'> & {
    /** What has a name before anybody offers it. */
    readonly reviewed: readonly Offer[]
  },
): GivenNames {
  let given: Promise<Map<string, Owned>> | undefined
  let turn: Promise<unknown> = Promise.resolve()

  async function read(endpoint: string): Promise<Map<string, Owned>> {
    const rows: readonly [string, string, string][] = (await store.get(namesKey(endpoint, kind))) ?? []
    return new Map(rows.map(([exposed, upstream, name]) => [exposed, { upstream, name }]))
  }

  async function begun(endpoint: string): Promise<Map<string, Owned>> {
    const all = await read(endpoint)
    return new Map([...all, ...giveNames(namers, reviewed, all).added])
  }

  /** Read once, unless that failed. */
  function known(endpoint: string): Promise<Map<string, Owned>> {
    given ??= begun(endpoint).catch((error: unknown) => {
      given = undefined
      throw error
    })
    return given
  }

  function keep(all: Map<string, Owned>, endpoint: string): Promise<void> {
    dropOldest(all, mostNames)
    const rows = [...all].map(([exposed, { upstream, name }]) => [exposed, upstream, name])
    return store.put(namesKey(endpoint, kind), rows, clock.now() + remembered)
  }

  async function nameNow(offers: readonly Offer[], endpoint: string): Promise<Naming['exposed']> {
    const all = await known(endpoint)
    let naming = giveNames(namers, offers, all)
    if (naming.added.size > 0) {
      for (const [exposed, owned] of await read(endpoint)) all.set(exposed, owned) // another replica may have been first
      naming = giveNames(namers, offers, all)
    }
    for (const [upstream, names] of naming.exposed)
      for (const [name, exposed] of names) touch(all, exposed, { upstream, name })
    if (naming.added.size > 0) await keep(all, endpoint)
    report(naming)
    return naming.exposed
  }

  function report({ clashes, exposed }: Naming): void {
    for (const { of, wanted, owner } of clashes) {
      const name = exposed.get(of.upstream)?.get(of.name)
      const outcome = name === undefined ? 'is left out' : `is shown as ${name}`
      const message = `${shown(of)} ${outcome}: ${wanted} is ${shown(owner)}`
      onProblem({ kind: 'clash', upstream: of.upstream, message })
    }
  }

  return {
    name(offers, endpoint) {
      const named = turn.then(() => nameNow(offers, endpoint))
      turn = named.catch(() => undefined)
      return named
    },
    async ownerOf(name, endpoint) {
      return (await known(endpoint)).get(name)
    },
  }
}

function touch(all: Map<string, Owned>, exposed: string, owned: Owned): void {
  all.delete(exposed)
  all.set(exposed, owned)
}

const shown = ({ upstream, name }: Owned) => `${upstream}/${name.slice(0, 100)}`
