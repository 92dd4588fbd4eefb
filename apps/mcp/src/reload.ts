// The file of the gateway changed while the process runs. The whole new one is judged before anything is done: a faulty one
// changes nothing. What is done with a good one is for endpoints/ and gateway/.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Metrics, watchFile } from '@gatehouse/service'
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from './config.ts'
import { ConfigError } from './errors.ts'

/** How a running process comes to other settings. */
export interface ReloadSource {
  /** Throws {@link ConfigError} with every fault. */
  read(): Config
  /** Calls a function when the operator says so. Returns how to stop that. */
  onSignal?(run: () => void): () => void
}

export interface ReloadOptions {
  readonly source: ReloadSource
  /** As the process started. */
  readonly config: Config
  /** Changes all or nothing. Returns the names of upstreams that changed. */
  readonly apply: (next: Config, before: Config) => readonly string[]
  readonly log: FastifyBaseLogger
  readonly metrics: Metrics | undefined
  readonly watch?: typeof watchFile
}

export interface Reload {
  start(): void
  close(): void
}

/** Milliseconds between looks at a faulty file: what it names may come later than it. */
const lookAgain = 10_000

export function createReload(options: ReloadOptions): Reload {
  const { source, apply, log, metrics, watch = watchFile } = options
  const count = metrics?.counter(
    'gatehouse_config_reloads_total',
    "Readings of the gateway's file while running: changed, unchanged, or faulty, which changes nothing.",
    ['result'],
  )
  let config = options.config
  let [isFaulty, told] = [false, '']
  metrics?.gauge(
    'gatehouse_config_faulty',
    "Whether the gateway's file is faulty now, so that what it said before is still in force.",
    () => Number(isFaulty),
  )
  const atFirst = contentsOf(config.files)
  let stopWatching: () => void = () => undefined
  let again: NodeJS.Timeout | undefined

  function judge(): void {
    clearTimeout(again)
    try {
      const next = source.read()
      const upstreams = apply(next, config)
      const isSame = upstreams.length === 0 && summaryOf(next) === summaryOf(config)
      for (const warning of next.warnings) if (!config.warnings.includes(warning)) log.warn(warning)
      const files = config.files.join()
      config = next
      isFaulty = false
      told = ''
      if (next.files.join() !== files) watchAll()
      count?.({ result: isSame ? 'unchanged' : 'changed' })
      const resources = next.endpoints.map(({ resource }) => resource)
      log.info({ isSame, upstreams, resources }, 'the file of the gateway was read again')
    } catch (error) {
      faulty(error)
    }
  }

  function faulty(error: unknown): void {
    again = setTimeout(judge, lookAgain).unref()
    isFaulty = true
    const faults = error instanceof ConfigError ? error.faults : [(error as Error).message]
    if (told === faults.join('\n')) return
    told = faults.join('\n')
    count?.({ result: 'faulty' })
    log.error({ faults }, 'the file of the gateway is faulty: everything stays as it is')
  }

  function watchAll(): void {
    stopWatching()
    stopWatching = watch(config.files, judge)
  }

  let stopSignal: () => void = () => undefined
  return {
    start() {
      watchAll()
      // it may have changed since it was read for the start
      if (contentsOf(config.files) !== atFirst) judge()
      stopSignal =
        source.onSignal?.(() => {
          told = '' // who asks is answered
          watchAll() // what is read now is no news any more
          judge()
        }) ?? stopSignal
    },
    close() {
      clearTimeout(again)
      stopSignal()
      stopWatching()
    },
  }
}

/** What there is besides the upstreams. */
function summaryOf({ endpoints, development, gateway, audit }: Config): string {
  const pins = [gateway?.pins.mode, gateway?.pins.lock.print]
  return JSON.stringify([endpoints, development, gateway?.parked, gateway?.limits, gateway?.rules, pins, audit])
}

/** One that cannot be read counts as empty: it is judged when it can. */
function contentsOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) {
    try {
      hash.update(readFileSync(file)).update('\0')
    } catch {
      hash.update('\0')
    }
  }
  return hash.digest('base64url')
}
