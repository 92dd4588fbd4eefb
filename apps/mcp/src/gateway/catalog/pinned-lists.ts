// Lists as the lock lets them through: names, addresses and news are made of these alone, no matter who asked, at which replica,
// and however old what the store keeps is.
import type { PinKind } from '../pins/contract.ts'
import type { Pins } from '../pins/pins.ts'
import type { Behalf, Description, Members, Upstream } from '../upstreams/contract.ts'
import type { Kind } from './contract.ts'
import type { Age, Kept, Lists } from './lists.ts'
import { isOffered } from './names.ts'
import { listings } from './pages.ts'

/** Resources come and go by themselves: they are not pinned. */
export const pinKinds: Readonly<Partial<Record<Kind, PinKind>>> = {
  tools: 'tool',
  prompts: 'prompt',
  resourceTemplates: 'template',
}

/** Milliseconds: how old a list may be by which something is called. An upstream that changed need not say so. */
const oldest = 60_000

export function createPinnedLists(lists: Lists, pins: Pins): Lists {
  /** The same for the same: names and digests are remembered by it. */
  const judged = new WeakMap<Kept, Kept>()
  const described = new WeakMap<Description, Description>()

  function isPinned(item: Members, upstream: Upstream, kind: Kind, behalf: Behalf): boolean {
    const pinKind: PinKind | undefined = pinKinds[kind]
    const { name, tools } = upstream.settings
    const own = String(item[listings[kind].by])
    // what the file leaves out is shown to nobody
    if (pinKind === undefined || (kind === 'tools' && !isOffered(own, tools))) return true
    return pins.judge({ upstream: name, kind: pinKind, name: own }, item, behalf) === 'pinned'
  }

  function judge(kept: Kept | undefined, upstream: Upstream, kind: Kind, behalf: Behalf): Kept | undefined {
    if (kept === undefined || pinKinds[kind] === undefined) return kept
    const known = judged.get(kept)
    if (known) return known
    const good = new Set(kept.items.filter((item) => isPinned(item, upstream, kind, behalf)))
    const isWhole = good.size === kept.items.length || !pins.areEnforced
    const withheld = kept.items.filter((item) => !good.has(item))
    const now = isWhole ? kept : { ...kept, items: [...good], withheld }
    judged.set(kept, now)
    return now
  }

  function judgeWords(said: Description | undefined, upstream: Upstream, behalf: Behalf): Description | undefined {
    if (!said?.instructions) return said
    const known = described.get(said)
    if (known) return known
    const name = { upstream: upstream.settings.name, kind: 'instructions', name: '' } as const
    const isPinned = pins.judge(name, said.instructions, behalf) === 'pinned'
    const now = isPinned || !pins.areEnforced ? said : { ...said, instructions: undefined }
    described.set(said, now)
    return now
  }

  const bounded = (age: Age): Age => (age === 'hint' || !pins.areEnforced ? age : Math.min(age, oldest))

  return {
    list: async (upstream, kind, behalf, age) =>
      judge(await lists.list(upstream, kind, behalf, bounded(age)), upstream, kind, behalf),
    last: async (upstream, kind, behalf) => judge(await lists.last(upstream, kind, behalf), upstream, kind, behalf),
    description: async (upstream, behalf) => judgeWords(await lists.description(upstream, behalf), upstream, behalf),
    lastDescription: async (upstream, behalf) =>
      judgeWords(await lists.lastDescription(upstream, behalf), upstream, behalf),
    changed: (upstream, kinds, owner) => lists.changed(upstream, kinds, owner),
  }
}
