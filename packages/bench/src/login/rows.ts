// What the logins of one client at one deployment come to. Pure.
import type { Row, Spread } from '../measurement.ts'
import { percentile, spread } from '../statistics.ts'
import type { Login } from './one-login.ts'

/** What came of all the logins of one client. */
export interface Logins {
  readonly client: string
  readonly store: string
  readonly done: readonly Login[]
  /** The one that nobody decides about for a minute; none of a client that does not poll. */
  readonly patient: Login | undefined
  /** Why logins ended without a token. */
  readonly failures: readonly string[]
}

const minute = 60_000

export function rowOf({ client, store, done, patient, failures }: Logins): Row {
  const times = done.map(({ clickToToken }) => clickToToken)
  const met = done.filter(metPoll).map(({ clickToToken }) => clickToToken)
  const all = patient ? [...done, patient] : done
  const requests = all.flatMap((login) => login.requests)
  const count = (counts: (request: Login['requests'][number]) => boolean) => exactly(requests.filter(counts).length)
  return {
    of: `${client}, ${store}`,
    figures: {
      'ms from click to token': spread(times),
      'ms at p95': exactly(percentile(times, 0.95)),
      ...(met.length > 0 && { 'ms at p95, poll held': exactly(percentile(met, 0.95)) }),
      ...(patient && { 'requests a minute': exactly(requestsPerMinute(patient)) }),
      slow_down: count(({ error }) => error === 'slow_down'),
      'time-outs': count(({ status }) => status === 0),
      'other refusals': count(isUnexpected),
      'logins without a token': exactly(failures.length),
      logins: exactly(done.length),
    },
    details: { failures, odd: all.filter(isOdd), logins: done },
  }
}

function exactly(value: number): Spread {
  return { median: value, min: value, max: value }
}

/** What a waiting device asks for while nobody decides. */
function requestsPerMinute({ waited, requests }: Login): number {
  return (requests.filter(({ came }) => came < 0).length * minute) / waited
}

/** Whether a token request was under way when the person clicked. */
function metPoll({ requests }: Login): boolean {
  return requests.some(({ came, took }) => came < 0 && came + took > 0)
}

function isUnexpected({ status, error = '' }: Login['requests'][number]): boolean {
  return ![0, 200].includes(status) && !['authorization_pending', 'slow_down'].includes(error)
}

function isOdd({ requests }: Login): boolean {
  return requests.some(({ status, error }) => status !== 200 && error !== 'authorization_pending')
}
