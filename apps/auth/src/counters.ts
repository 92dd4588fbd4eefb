// What the authorization server counts beside its requests. Labels are ours, or names that the engine knows.
import type { Metrics } from '@gatehouse/service'
import type { HoldCaps, HoldEnd } from './provider/device/held-polls.ts'

/**
 * Somebody may be guessing a user code or a client's secret, presented a redeemed token from elsewhere, or feels with
 * faulty requests for what became of a token.
 */
export type Alarm = 'user_codes' | 'client_secret' | 'replay' | 'probe'

/** What came of reading the gateway's file again; `faulty` changes nothing. The same words as in the MCP server. */
export type ReloadResult = 'changed' | 'unchanged' | 'faulty'

export interface Counters {
  /** An answer of the token endpoint: tokens, or an `error` of RFC 6749 §5.2. */
  tokenAnswer(grantType: string, error?: string): void
  /** What also is a warning in the log. */
  alarm(what: Alarm): void
  /** A sign-in that ended at GitHub, Google or another provider: which, and in which way. */
  upstreamFailure(login: string, failure: string): void
  /** A login could not be asked again about somebody: whether what it said before still counts. */
  factsStale(login: string, counts: boolean): void
  configReload(result: ReloadResult): void
  /** How the hold of a waiting device's poll ended. */
  holdEnd(end: HoldEnd): void
  /** A poll was answered at once, as there was no room to hold it. */
  noRoomToHold(cap: keyof HoldCaps): void
}

const faultyFileHelp = "Whether the gateway's file is faulty now, so that what it said before is still in force."

/** Without `metrics` nothing is counted. */
export function createCounters(metrics: Metrics | undefined): Counters {
  const tokenAnswers = metrics?.counter(
    'gatehouse_token_answers_total',
    'Answers of the token endpoint, by grant and by error of RFC 6749 §5.2.',
    ['grant_type', 'error'],
  )
  const alarms = metrics?.counter('gatehouse_alarms_total', 'What may be an attack.', ['alarm'])
  const failures = metrics?.counter(
    'gatehouse_upstream_failures_total',
    'Sign-ins that ended at GitHub, Google or another provider.',
    ['login', 'failure'],
  )
  const staleFacts = metrics?.counter(
    'gatehouse_stale_facts_total',
    'Times that a login could not be asked again about somebody: what it said before still counts, or is over a day old.',
    ['login', 'counts'],
  )
  const reloads = metrics?.counter(
    'gatehouse_config_reloads_total',
    "Readings of the gateway's file while running: changed, unchanged, or faulty, which changes nothing.",
    ['result'],
  )
  let isFileFaulty = false
  metrics?.gauge('gatehouse_config_faulty', faultyFileHelp, () => Number(isFileFaulty))
  const holdEnds = metrics?.counter(
    'gatehouse_held_polls_total',
    'Held polls of waiting devices, by how they ended: the person decided, the time was over, we close, the device hung up, the store was away.',
    ['end'],
  )
  const refusedHolds = metrics?.counter(
    'gatehouse_polls_not_held_total',
    'Polls that were answered at once because too many are held: of a network, of a client, in all.',
    ['cap'],
  )
  return {
    tokenAnswer: (grantType, error = 'none') => tokenAnswers?.({ grant_type: grantType, error }),
    alarm: (what) => alarms?.({ alarm: what }),
    upstreamFailure: (login, failure) => failures?.({ login, failure }),
    factsStale: (login, counts) => staleFacts?.({ login, counts: counts ? 'yes' : 'no' }),
    configReload(result) {
      isFileFaulty = result === 'faulty'
      reloads?.({ result })
    },
    holdEnd: (end) => holdEnds?.({ end }),
    noRoomToHold: (cap) => refusedHolds?.({ cap }),
  }
}
