// How the last thing that was asked of each upstream came out, for anyone who asks what is wrong with it.
import type { UpstreamTrouble } from '@gatehouse/shared'
import { credentialKey } from './catalog/keys.ts'
import { createRecent } from './recent.ts'
import {
  type Behalf,
  type CredentialTrouble,
  type Description,
  type Members,
  RpcError,
  type Upstream,
  UpstreamError,
  type UpstreamFault,
  type UpstreamRequest,
} from './upstreams/contract.ts'

export interface Outcomes {
  /** The same upstream, whose outcomes are remembered. */
  watched(upstream: Upstream): Upstream
  /** Those of the upstreams that are in trouble, as this caller met it. Asks nobody. */
  troubles(upstreams: readonly Upstream[], behalf: Behalf): readonly UpstreamTrouble[]
}

/** `error`: one of JSON-RPC, which is an answer, too. */
export type Outcome = 'answered' | 'error' | UpstreamFault

export interface OutcomesOptions {
  /** Told how each request came out, and after how many milliseconds. */
  readonly onOutcome?: ((upstream: string, outcome: Outcome, took: number) => void) | undefined
}

const mostCallers = 10_000

export function createOutcomes({ onOutcome }: OutcomesOptions): Outcomes {
  const faults = createRecent<UpstreamFault | CredentialTrouble>(mostCallers)

  function note(upstream: Upstream, behalf: Behalf, outcome: Outcome, error?: unknown): void {
    const key = credentialKey(upstream, behalf)
    if (outcome === 'answered' || outcome === 'error') faults.delete(key)
    else faults.set(key, (error instanceof UpstreamError && error.about) || outcome)
  }

  /** What resolves may have been known before, and proves nothing. */
  async function describe(upstream: Upstream, behalf: Behalf): Promise<Description> {
    try {
      return await upstream.describe(behalf)
    } catch (error) {
      note(upstream, behalf, outcomeOf(error), error)
      throw error
    }
  }

  async function request(upstream: Upstream, wanted: UpstreamRequest, behalf: Behalf): Promise<Members> {
    const begun = performance.now()
    let outcome: Outcome = 'answered'
    let fault: unknown
    try {
      return await upstream.request(wanted, behalf)
    } catch (error) {
      outcome = outcomeOf(error)
      fault = error
      throw error
    } finally {
      note(upstream, behalf, outcome, fault)
      onOutcome?.(upstream.settings.name, outcome, performance.now() - begun)
    }
  }

  return {
    watched: (upstream) => ({
      settings: upstream.settings,
      get open() {
        return upstream.open
      },
      describe: (behalf) => describe(upstream, behalf),
      request: (wanted, behalf) => request(upstream, wanted, behalf),
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

function outcomeOf(error: unknown): Outcome {
  if (error instanceof RpcError) return 'error'
  return error instanceof UpstreamError ? error.fault : 'invalid'
}
