// All that one upstream lists of a kind, page after page, as far as it is bearable.
import { type Behalf, type Era, type Members, RpcError, type Upstream, UpstreamError } from '../upstreams/contract.ts'
import type { Kind } from './contract.ts'
import { isReadable } from './shapes.ts'

const mostItems = 10_000
const mostPages = 1_000
/** Characters of JSON. */
const mostCharacters = 10_485_760
const methodNotFound = -32601

export interface Listed {
  readonly era: Era
  readonly items: readonly Members[]
  /** Milliseconds; 0: the upstream did not say. */
  readonly ttlMs: number
  /** How many items are left out, because they have no name of their own, or are not as the specification has them. */
  readonly faulty: number
}

interface Listing {
  readonly method: string
  /** The member by which an item is known. */
  readonly by: string
  readonly capability: string
}

export const listings: Readonly<Record<Kind, Listing>> = {
  tools: { method: 'tools/list', by: 'name', capability: 'tools' },
  prompts: { method: 'prompts/list', by: 'name', capability: 'prompts' },
  resources: { method: 'resources/list', by: 'uri', capability: 'resources' },
  resourceTemplates: { method: 'resources/templates/list', by: 'uriTemplate', capability: 'resources' },
}

/** Rejects with what the upstream does, and `invalid` for a list that is not one, has no end or is too large. */
export async function listAll(upstream: Upstream, kind: Kind, era: Era, behalf: Behalf): Promise<Listed> {
  const { method, by } = listings[kind]
  const items = new Map<string, Members>()
  const cursors = new Set<string>()
  let [ttlMs, characters, all, pages] = [Number.POSITIVE_INFINITY, 0, 0, 0]
  const refuse = (what: string) =>
    new UpstreamError(upstream.settings.name, 'invalid', `${upstream.settings.name}: ${method} ${what}`)
  let cursor: string | undefined
  do {
    const page = await ask(upstream, method, cursor, behalf)
    if (!page) break
    const listed: unknown = page[kind]
    if (!Array.isArray(listed)) throw refuse(`answered without "${kind}"`)
    all += listed.length
    if (all > mostItems) throw refuse(`has more than ${mostItems} items`)
    characters += JSON.stringify(page).length
    if (characters > mostCharacters) throw refuse('is larger than 10 MB')
    for (const item of listed) {
      const id: unknown = item?.[by]
      if (typeof id === 'string' && !items.has(id) && isReadable(kind, item)) items.set(id, item)
    }
    ttlMs = Math.min(ttlMs, readTtl(page.ttlMs))
    cursor = typeof page.nextCursor === 'string' ? page.nextCursor : undefined
    if (cursor !== undefined && cursors.has(cursor)) throw refuse('goes round in a circle')
    if (cursor !== undefined) cursors.add(cursor)
    if (++pages >= mostPages && cursor !== undefined) throw refuse(`has more than ${mostPages} pages`)
    behalf.signal.throwIfAborted()
  } while (cursor !== undefined)
  return { era, items: [...items.values()], ttlMs: Number.isFinite(ttlMs) ? ttlMs : 0, faulty: all - items.size }
}

/** Undefined: it has no such list. */
async function ask(
  upstream: Upstream,
  method: string,
  cursor: string | undefined,
  behalf: Behalf,
): Promise<Members | undefined> {
  try {
    return await upstream.request({ method, params: cursor === undefined ? {} : { cursor } }, behalf)
  } catch (error) {
    if (error instanceof RpcError && error.code === methodNotFound && cursor === undefined) return undefined
    throw error
  }
}

function readTtl(ttlMs: unknown): number {
  return typeof ttlMs === 'number' && ttlMs > 0 ? ttlMs : 0
}
