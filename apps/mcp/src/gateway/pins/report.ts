// Who hears of what is not pinned: the log, the audit and the metrics, once a change. An upstream that makes up new things
// all the time fills none of them.
import { type Audit, type Metrics, shownText, shownUri } from '@gatehouse/service'
import { arePinsEnforced } from '@gatehouse/shared/gateway-file'
import { createLogBudget } from '../log-budget.ts'
import { createRecent } from '../recent.ts'
import type { GatewaySettings } from '../settings.ts'
import type { Behalf } from '../upstreams/contract.ts'
import { keyOf, kindsOfPins, type PinKind } from './contract.ts'
import type { Mismatch, Report } from './pins.ts'
import { visible } from './visible.ts'

/** Changes that were told. */
const mostTold = 20_000
/** Milliseconds: what was not seen for so long is news again. */
const forgotten = 3_600_000
/** Characters of an upstream's name for something. */
const longestName = 128

export interface PinReporterOptions {
  readonly log: { warn(details: object, message: string): void }
  readonly audit: Pick<Audit, 'write'> | undefined
  readonly metrics: Metrics | undefined
  /** Milliseconds. */
  readonly now: () => number
}

export interface PinReporter {
  readonly report: Report
  /** There are other settings: what their lock does not have is news. */
  begin(settings: GatewaySettings): void
}

export function createPinReporter({ log, audit, metrics, now }: PinReporterOptions): PinReporter {
  const count = metrics?.counter(
    'gatehouse_gateway_unpinned_total',
    'Definitions of upstreams that were seen to differ from gatehouse.lock, each change once.',
    ['upstream', 'kind', 'reason', 'decision'],
  )
  const budget = createLogBudget(now)
  let told = createRecent<number>(mostTold)

  function tell(mismatch: Mismatch, { owner }: Behalf, leftOut: number): void {
    const { upstream, kind, verdict, isWithheld } = mismatch
    const name = visible(mismatch.name.slice(0, longestName))
    log.warn(
      { upstream, kind, ...(kind !== 'instructions' && { name }), reason: verdict, ...(leftOut > 0 && { leftOut }) },
      isWithheld ? 'not as it was pinned: it is withheld' : 'not as it was pinned: it is let pass',
    )
    audit?.write({
      event: 'definition_not_pinned',
      outcome: isWithheld ? 'refused' : 'ok',
      decision: isWithheld ? 'deny' : 'allow',
      reason: verdict,
      subject: owner.subject,
      client: owner.clientId,
      endpoint: owner.endpoint,
      upstream,
      ...named(kind, mismatch.name),
    })
  }

  return {
    report(mismatch, behalf) {
      const { upstream, kind, verdict, hash, isWithheld } = mismatch
      const key = `${keyOf(mismatch)} ${hash}`
      const before = told.get(key)
      told.set(key, now())
      if (before !== undefined && now() - before < forgotten) return
      count?.({ upstream, kind, reason: verdict, decision: isWithheld ? 'deny' : 'allow' })
      budget.spend(upstream, (leftOut) => tell(mismatch, behalf, leftOut))
    },
    begin({ pins, upstreams }) {
      told = createRecent(mostTold)
      if (pins.mode === 'off') return
      // a counter that is not there yet cannot be seen to grow
      const decision = arePinsEnforced({ pins }) ? 'deny' : 'allow'
      for (const { name: upstream } of upstreams)
        for (const kind of kindsOfPins)
          for (const reason of ['changed', 'new']) count?.({ upstream, kind, reason, decision }, 0)
    },
  }
}

function named(kind: PinKind, name: string) {
  if (kind === 'tool') return { tool: shownText(name, longestName) }
  if (kind === 'prompt') return { prompt: shownText(name, longestName) }
  return kind === 'template' ? { resource: shownUri(name) } : {}
}
