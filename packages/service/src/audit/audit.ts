// The audit of a process: events in, one JSON line each out, to where the operator wants them. No request waits for it or
// fails by it: what cannot be written is dropped, counted, told in the log once, and owned up to in a line of its own.
import { AUDIT_FORMAT, type AuditEvent, type AuditLine } from '@gatehouse/shared'
import type { Metrics } from '../metrics.ts'
import { activeSpan } from '../tracing/span.ts'
import { type Chain, createChain, lastLineOf } from './chain.ts'
import { createFileSink } from './file-sink.ts'
import { createQueue, type Queue } from './queue.ts'
import type { AuditPlace, AuditSettings } from './settings.ts'
import { createUrlSink } from './url-sink.ts'

/** Milliseconds for what waits to leave in, at the end. */
const closeWithin = 1_500

export interface Audit {
  /** Undefined: nothing is written. */
  readonly settings: AuditSettings | undefined
  /** Never throws. */
  write(event: AuditEvent): void
  /** From now on elsewhere, or otherwise. What waits goes where it should have gone. */
  change(settings: AuditSettings | undefined): void
  close(): Promise<void>
}

export interface AuditOptions {
  readonly service: AuditLine['service']
  readonly settings: AuditSettings | undefined
  readonly log: {
    info(details: object, message: string): void
    error(details: object, message: string): void
  }
  readonly metrics?: Metrics | undefined
  /** Standard output: false where it did not take the line. */
  readonly stdout: { write(line: string): unknown }
  /** Calls a function when an operator says that files were moved. Returns how to stop that. */
  readonly onHangUp?: ((run: () => void) => () => void) | undefined
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
}

/** One place, as long as it is the one. */
interface Way {
  readonly settings: AuditSettings
  write(event: AuditEvent): void
  reopen(): void
  close(): Promise<void>
}

export function createAudit(options: AuditOptions): Audit {
  const { metrics, onHangUp } = options
  const lines = metrics?.counter('gatehouse_audit_lines_total', 'Lines of the audit: written, or dropped.', ['result'])
  const count: Count = (result, more) => lines?.({ result }, more)
  const leaving = new Set<Promise<void>>()
  const open = (settings: AuditSettings | undefined) => settings && openWay(settings, { ...options, count })
  let way = open(options.settings)
  let stopHearing: (() => void) | undefined
  /** Only where there is a file: a process that hears it does not end by it. */
  const hear = () => {
    if (way?.settings.to.kind === 'file') stopHearing ??= onHangUp?.(() => way?.reopen())
  }
  hear()

  return {
    get settings() {
      return way?.settings
    },
    write(event) {
      const line = traced(event)
      way?.write(line)
    },
    change(settings) {
      if (JSON.stringify(settings) === JSON.stringify(way?.settings)) return
      const before = way
      way = open(settings)
      hear()
      if (!before) return
      const left = before.close().finally(() => leaving.delete(left))
      leaving.add(left)
    },
    async close() {
      stopHearing?.()
      const last = way
      way = undefined
      await Promise.all([...leaving, last?.close()])
    },
  }
}

/** On the span that it happened in, and with the id of its trace. */
function traced(event: AuditEvent): AuditEvent {
  const span = event.trace === undefined ? activeSpan() : undefined
  if (!span) return event
  const { event: name, outcome, decision, reason, grant, flow } = event
  const about = { 'gatehouse.outcome': outcome, 'gatehouse.decision': decision, 'gatehouse.reason': reason }
  span.event(name, about)
  span.set({ 'gatehouse.grant_id': grant, 'gatehouse.flow': flow })
  return { ...event, trace: span.traceId }
}

type Count = (result: 'written' | 'dropped', lines: number) => void

function openWay(settings: AuditSettings, { count, ...options }: AuditOptions & { readonly count: Count }): Way {
  const { to } = settings
  const { service, log, stdout, clock = Date.now } = options
  const where = shownPlace(to)
  const chain = settings.chain ? createChain(() => (to.kind === 'file' ? lastLineOf(to.path) : undefined)) : undefined
  let isTold = false
  let dropped = 0
  let toOwnUpTo = 0

  function lose(more: number): void {
    count('dropped', more)
    dropped += more
    toOwnUpTo += more
    tell(new Error('there is no room for more'))
  }
  function tell(error: Error): void {
    if (isTold) return
    isTold = true
    log.error({ audit: where, reason: error.message }, 'audit lines cannot be written: some may be dropped')
  }
  function fine(): void {
    if (isTold) log.info({ audit: where, dropped }, 'audit lines are written again')
    isTold = false
    dropped = 0
    ownUp()
  }

  const file = to.kind === 'file' ? createFileSink(to.path) : undefined
  const sink = file ?? (to.kind === 'url' ? createUrlSink(to) : undefined)
  const queue: Queue | undefined =
    sink &&
    createQueue({
      sink,
      onArrived: (arrived) => count('written', arrived),
      onLost: lose,
      onTrouble: tell,
      onFine: fine,
    })

  function take(line: string): boolean {
    if (queue) return queue.push(line)
    if (stdout.write(line) === false) return false
    count('written', 1)
    return true
  }

  function put(event: AuditEvent): boolean {
    const line = lineOf(event, { service, time: clock(), chain })
    if (!take(`${line}\n`)) return false
    chain?.took(line)
    return true
  }

  function ownUp(): void {
    if (toOwnUpTo === 0) return
    if (put({ event: 'lines_dropped', outcome: 'error', lines: toOwnUpTo })) toOwnUpTo = 0
  }

  return {
    settings,
    write(event) {
      // standard output says by a line whether it takes any
      if (!queue) ownUp()
      if (!put(event)) lose(1)
      else if (!queue) fine()
    },
    reopen() {
      file?.reopen()
      queue?.hurry()
    },
    close: async () => queue?.close(closeWithin),
  }
}

function lineOf(
  event: AuditEvent,
  { service, time, chain }: { service: AuditLine['service']; time: number; chain: Chain | undefined },
): string {
  const { event: name, outcome, ...rest } = event
  const line: AuditLine = {
    audit: AUDIT_FORMAT,
    time: new Date(time).toISOString(),
    service,
    event: name,
    outcome,
    ...rest,
    ...(chain && { chain: chain.next() }),
  }
  // to some readers these end a line, and half of one counts as none
  return JSON.stringify(line).replace(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** For the log: a query may be a secret. */
function shownPlace(to: AuditPlace): string {
  if (to.kind === 'stdout') return 'stdout'
  return to.kind === 'file' ? to.path : to.url.replace(/[?#].*$/s, '')
}
