// The one thing that a client of the 2025 era says outside of any request and that upstreams hear: its roots changed. It needs
// no scope to be taken, and no limit counts it, so that it goes no further than what its caller may do anyhow.
import { effectiveScopes } from '@gatehouse/shared'
import { createJoined } from '../joined.ts'
import { scopesFor } from '../policy.ts'
import type { Gate } from '../rules/gate.ts'
import type { Behalf, Notification, Upstream } from '../upstreams/contract.ts'
import { declaredTo } from '../upstreams/declared.ts'

export interface RootsChangedOptions {
  /** Those of the endpoint, as they are now. */
  readonly upstreams: readonly Upstream[]
  readonly gate: Pick<Gate, 'mayUse'>
  readonly onerror: (error: Error) => void
}

export const rootsChanged = 'notifications/roots/list_changed'

/** What it takes to see what an upstream has. */
const needed = scopesFor('tools/list', true)

/**
 * Tells each upstream that may ask this caller for roots, and that the caller may use: over what is open already, one at a time
 * and one more after the last.
 */
export function createRootsChanged({ upstreams, gate, onerror }: RootsChangedOptions) {
  const join = createJoined()

  function concerns({ settings }: Upstream, behalf: Behalf): boolean {
    return declaredTo(settings, behalf).roots !== undefined && gate.mayUse(settings.name, behalf)
  }

  return function tell(params: Notification['params'], behalf: Behalf): void {
    const scopes = effectiveScopes(behalf.granted.scopes)
    if (!needed.every((scope) => scopes.has(scope))) return
    for (const upstream of upstreams) {
      if (!concerns(upstream, behalf)) continue
      const key = JSON.stringify([upstream.settings.name, behalf.owner])
      join(key, () => upstream.notify({ method: rootsChanged, params }, behalf).catch(onerror))
    }
  }
}
