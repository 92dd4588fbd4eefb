// How the last thing that was asked of each upstream came out, for whoever asks what is wrong with it.
import type { UpstreamTrouble } from '@gatehouse/shared'
import { credentialKey } from './catalog/keys.ts'
import { createRecent } from './recent.ts'
import { type Behalf, RpcError, type Upstream, UpstreamError, type UpstreamFault } from './upstreams/contract.ts'

export interface Outcomes {
  /** The same upstream, whose outcomes are remembered. */
  watched(upstream: Upstream): Upstream
  /** Those of the upstreams that are in trouble, as this caller met it. Asks nobody. */
  troubles(upstreams: readonly Upstream[], behalf: Behalf): readonly UpstreamTrouble[]
}

const mostCallers = 10_000

export function createOutcomes(): Outcomes {
  const faults = createRecent<UpstreamFault>(mostCallers)

  async function noting<Result>(upstream: Upstream, behalf: Behalf, work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } catch (error) {
      if (error instanceof UpstreamError) faults.set(credentialKey(upstream, behalf), error.fault)
      else if (error instanceof RpcError) faults.delete(credentialKey(upstream, behalf))
      throw error
    }
  }

  return {
    watched: (upstream) => ({
      settings: upstream.settings,
      // what resolves may have been known before: it proves nothing
      describe: (behalf) => noting(upstream, behalf, upstream.describe(behalf)),
      async request(wanted, behalf) {
        const result = await noting(upstream, behalf, upstream.request(wanted, behalf))
        faults.delete(credentialKey(upstream, behalf))
        return result
      },
      notify: (notification, behalf) => upstream.notify(notification, behalf),
      listen: (behalf, resources, hear) => upstream.listen(behalf, resources, hear),
      close: () => upstream.close(),
    }),

    troubles: (upstreams, behalf) =>
      upstreams.flatMap((upstream) => {
        const fault = faults.get(credentialKey(upstream, behalf))
        return fault ? [{ upstream: upstream.settings.name, fault }] : []
      }),
  }
}
