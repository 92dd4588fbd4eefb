// Under which names the tools and prompts of several upstreams are shown. A name stays with the tool that it was given to:
// people allow a tool by its name, once and for all. Names are made here, never taken apart: who has one is looked up.
import { createHash } from 'node:crypto'
import { matchesGlob } from '@gatehouse/shared/gateway-file'
import type { ToolNames } from '../settings.ts'

/** What a model API takes as the name of a tool. */
const allowed = /^[A-Za-z0-9_-]{1,64}$/
const mostCharacters = 64

/** A tool or prompt, by the name of its upstream and its own. */
export interface Owned {
  readonly upstream: string
  readonly name: string
}

/** Whose an exposed name is. Those given longest ago first. */
export type Given = ReadonlyMap<string, Owned>

/** An upstream, and how its tools are named. */
export interface Namer {
  readonly name: string
  readonly prefix: ToolNames['prefix']
  readonly rename: ToolNames['rename']
}

/** What one upstream offers, by its own names. */
export interface Offer {
  readonly upstream: string
  readonly names: readonly string[]
}

export interface Naming {
  /** By upstream and own name. What is not in it has no name: all that it could have are others'. */
  readonly exposed: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** What was not given before. */
  readonly added: Given
  /** Those that did not get the name that they would have alone, and who has it. */
  readonly clashes: readonly { readonly of: Owned; readonly wanted: string; readonly owner: Owned }[]
}

/**
 * Names what is offered. `namers` are all upstreams of the endpoint in the order of the file, whether they are up or not;
 * where nothing is given yet, that order decides, and within an upstream a name that needs no change goes first.
 */
export function giveNames(namers: readonly Namer[], offers: readonly Offer[], given: Given): Naming {
  const exposed = new Map<string, Map<string, string>>()
  const added = new Map<string, Owned>()
  const clashes: { of: Owned; wanted: string; owner: Owned }[] = []
  const isAlone = namers.length === 1
  const byName = new Map(namers.map((namer) => [namer.name, namer]))

  /** Undefined: it is free. A name given under settings that no longer hold binds nobody. */
  function ownerOf(name: string): Owned | undefined {
    const owner = added.get(name) ?? given.get(name)
    const namer = owner && byName.get(owner.upstream)
    return namer && candidates(namer, owner.name, isAlone).includes(name) ? owner : undefined
  }

  for (const namer of namers) {
    const named = new Map<string, string>()
    exposed.set(namer.name, named)
    const own = offers.filter(({ upstream }) => upstream === namer.name).flatMap(({ names }) => names)
    for (const name of unchangedFirst(new Set(own), namer)) {
      const of = { upstream: namer.name, name }
      const possible = candidates(namer, name, isAlone)
      const theirs = (one: string) => isSame(ownerOf(one), of)
      const chosen = possible.find(theirs) ?? possible.find((one) => !ownerOf(one))
      const wanted = possible[0] ?? ''
      const owner = ownerOf(wanted)
      if (owner && !isSame(owner, of)) clashes.push({ of, wanted, owner })
      if (chosen === undefined) continue
      if (!theirs(chosen)) added.set(chosen, of)
      named.set(name, chosen)
    }
  }
  return { exposed, added, clashes }
}

/** Whether what an upstream is called depends on no other upstream. */
export function isNamedAlone(namers: readonly Namer[]): boolean {
  return namers.length === 1 || namers.every(({ prefix }) => prefix === 'always')
}

/** The names that something may have, the best first. */
export function candidates(
  { name: upstream, prefix, rename }: Namer,
  own: string,
  isAlone: boolean,
): readonly string[] {
  const name = Object.hasOwn(rename, own) ? (rename[own] ?? own) : own
  const digest = createHash('sha256')
    .update(JSON.stringify([upstream, own]))
    .digest('hex')
    .slice(0, 6)
  const prefixed = `${upstream}__${name}`
  const texts = isAlone || prefix === 'never' ? [name] : prefix === 'always' ? [prefixed] : [name, prefixed]
  return [...texts.map((text) => mapped(text, digest)), cut(texts.at(-1) ?? name, digest)]
}

/** As it is, or with `_` for `.` and `/`; what no model API would take even so is told apart by the digest. */
function mapped(text: string, digest: string): string {
  const name = text.replaceAll(/[./]/g, '_')
  return allowed.test(name) ? name : cut(text, digest)
}

function cut(text: string, digest: string): string {
  const name = text.replaceAll(/[^A-Za-z0-9_-]/gu, '_')
  return `${name.slice(0, mostCharacters - digest.length - 1)}_${digest}`
}

function unchangedFirst(names: ReadonlySet<string>, { rename }: Namer): readonly string[] {
  const isUnchanged = (name: string) => allowed.test(name) && !Object.hasOwn(rename, name)
  const all = [...names]
  return [...all.filter(isUnchanged), ...all.filter((name) => !isUnchanged(name))]
}

function isSame(one: Owned | undefined, other: Owned): boolean {
  return one?.upstream === other.upstream && one.name === other.name
}

/** Whether the file lets this tool through. */
export function isOffered(name: string, { only, not }: Pick<ToolNames, 'only' | 'not'>): boolean {
  const fits = (glob: string) => matchesGlob(glob, name)
  return (only === undefined || only.some(fits)) && !not.some(fits)
}
