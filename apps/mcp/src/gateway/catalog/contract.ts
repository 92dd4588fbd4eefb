// What the catalog of an endpoint is to the relay: what its upstreams offer together, under which names, and which of them
// a name or a URI belongs to. It asks upstreams for lists and for what they say of themselves, never for anything else.
import type { Pins } from '../pins/pins.ts'
import type { Behalf, Description, Era, Json, Members, Notification, Owner, Upstream } from '../upstreams/contract.ts'

export type Kind = 'tools' | 'prompts' | 'resources' | 'resourceTemplates'

/** Something that is listed, under the name that clients know it by. */
export interface Found {
  readonly upstream: Upstream
  /** The upstream's own name of it. */
  readonly name: string
  /** As the upstream sent it. */
  readonly definition: Members
}

/** What has a name here and is on no list now. */
export type Away = Pick<Found, 'upstream' | 'name'>

export interface FoundResource {
  readonly upstream: Upstream
  /** The upstream's own: what a client was shown may be another one. */
  readonly uri: string
  /** By what it was found. `only`: the endpoint has one upstream. */
  readonly by: 'only' | 'list' | 'template' | 'shown'
}

/** Whether something of an upstream is on a list, by its own name or URI there. Whose a name is does not depend on it. */
export type Shows = (upstream: Upstream, name: string) => boolean

/** What a client is told at the beginning. */
export interface EndpointDescription {
  readonly capabilities: Members
  readonly instructions: string | undefined
}

/**
 * Something an operator should know of. The same is reported once in ten minutes at most.
 * - `unlisted`: an upstream did not say what it has: what it said last counts, for a while
 * - `clash`: two things want one name, or one URI; the message says which has it
 * - `faulty`: something in a list is not as the specification has it, and is left out
 */
export interface Problem {
  readonly kind: 'unlisted' | 'clash' | 'faulty'
  readonly upstream: string
  readonly message: string
}

/**
 * Nothing here rejects because of an upstream: what it said last counts for ten minutes, then it has nothing.
 *
 * `era` is the client's. Across eras tasks are not offered.
 */
export interface Catalog {
  /** The `result` of `tools/list`: all on one page, with `ttlMs` and `cacheScope` for a client of 2026, without `resultType`. */
  tools(behalf: Behalf, era: Era, shows?: Shows): Promise<Members>
  prompts(behalf: Behalf, era: Era, shows?: Shows): Promise<Members>
  resources(behalf: Behalf, era: Era, shows?: Shows): Promise<Members>
  /** The `result` of `resources/templates/list`. */
  templates(behalf: Behalf, era: Era, shows?: Shows): Promise<Members>

  /** Lists only what is not known yet. */
  findTool(name: string, behalf: Behalf): Promise<Found | undefined>
  findPrompt(name: string, behalf: Behalf): Promise<Found | undefined>
  /**
   * For a tool that is not found: whose name it is, where that upstream has no list for this caller, so that nobody can say
   * that the tool is gone.
   */
  awayTool(name: string, behalf: Behalf): Promise<Away | undefined>
  /** For a tool that is not found: whose it would be if it were pinned. */
  withheldTool(name: string, behalf: Behalf): Promise<Upstream | undefined>
  /** For reads, subscriptions, and completion over a resource: `uri` may be a URI template that is listed. */
  findResource(uri: string, behalf: Behalf): Promise<FoundResource | undefined>

  /** Connects to those of which nothing is known. `tellsOf`: whose instructions are told; what all can do is. */
  describe(behalf: Behalf, era: Era, tellsOf?: (upstream: Upstream) => boolean): Promise<EndpointDescription>
  /** What one upstream said of itself last, without asking it. */
  known(upstream: Upstream, behalf: Behalf): Promise<Description | undefined>

  /** A URI that an upstream showed to this owner otherwise than in a list. */
  note(owner: Owner, uri: string, upstream: Upstream): Promise<void>
  /**
   * The same for all links and embedded resources in a `result`, which resolves as the client gets it: a link that would lead
   * to another upstream is rewritten so that it leads to this one.
   */
  show(behalf: Behalf, result: Members, upstream: Upstream): Promise<Members>
  /**
   * For what an upstream says in the middle of a request: that a list changed counts, everything else is let pass. However
   * often it is said, it is written down once at a time, and once more after the last time.
   */
  heard(notification: Notification, behalf: Behalf, upstream: Upstream): void
  /**
   * Listens to all upstreams, and says when what this owner is shown really changed: an upstream's word, an upstream that
   * is gone for too long or is back. It may say so once too often, never too seldom. It goes on until the function that it returns is called.
   */
  watch(behalf: Behalf, era: Era, changed: (kind: 'tools' | 'prompts' | 'resources') => void): () => void
}

/**
 * Where catalogs are kept, for all replicas or for this one. Everything in it can be lost and is then asked for again, but
 * for the names that were given: see names.ts.
 */
export interface CatalogStore {
  /** Undefined after the end. What it resolves with MUST NOT be changed. */
  get(key: string): Promise<Json | undefined>
  /** `value` is JSON. `end` in milliseconds of the clock. MAY be left undone when there is no room. */
  put(key: string, value: Json, end: number): Promise<void>
}

export interface Clock {
  /** Milliseconds. */
  now(): number
  /** Runs once after so many milliseconds, unless the function that it returns is called before. */
  after(milliseconds: number, run: () => void): () => void
}

/** Of one endpoint. */
export interface CatalogOptions {
  /** In the order of the file. */
  readonly upstreams: readonly Upstream[]
  readonly clock: Clock
  readonly store: CatalogStore
  /** Undefined: whatever upstreams say counts. */
  readonly pins?: Pins | undefined
  onProblem(problem: Problem): void
}
