// The file of the gateway changed while the process runs. The whole new one is judged before anything is done: a faulty one
// changes nothing. What is done with a good one is for endpoints/ and gateway/.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Metrics } from '@gatehouse/service'
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from './config.ts'
import { ConfigError } from './errors.ts'
import { watchFile } from './watched-file.ts'

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
  let judged = contentOf(config.files)
  let told = ''
  let stops: readonly (() => void)[] = []
  let again: NodeJS.Timeout | undefined

  /** Others may write to the folder: only what changed the content is gone into. */
  function noticed(): void {
    if (contentOf(config.files) !== judged) judge()
  }

  function judge(): void {
    clearTimeout(again)
    judged = contentOf(config.files)
    try {
      const next = source.read()
      const upstreams = apply(next, config)
      const isSame = upstreams.length === 0 && summaryOf(next) === summaryOf(config)
      for (const warning of next.warnings) if (!config.warnings.includes(warning)) log.warn(warning)
      config = next
      told = ''
      watchAll()
      count?.({ result: isSame ? 'unchanged' : 'changed' })
      const resources = next.endpoints.map(({ resource }) => resource)
      log.info({ isSame, upstreams, resources }, 'the file of the gateway was read again')
    } catch (error) {
      faulty(error)
    }
  }

  function faulty(error: unknown): void {
    again = setTimeout(judge, lookAgain).unref()
    const faults = error instanceof ConfigError ? error.faults : [(error as Error).message]
    if (told === faults.join('\n')) return
    told = faults.join('\n')
    count?.({ result: 'faulty' })
    log.error({ faults }, 'the file of the gateway is faulty: everything stays as it is')
  }

  function watchAll(): void {
    stop()
    stops = config.files.map((file) => watch(file, noticed))
    judged = contentOf(config.files)
  }

  function stop(): void {
    for (const one of stops) one()
    stops = []
  }

  let stopSignal: () => void = () => undefined
  return {
    start() {
      watchAll()
      stopSignal =
        source.onSignal?.(() => {
          told = '' // who asks is answered
          judge()
        }) ?? stopSignal
    },
    close() {
      clearTimeout(again)
      stopSignal()
      stop()
    },
  }
}

/** What there is besides the upstreams. */
function summaryOf({ endpoints, development, gateway }: Config): string {
  return JSON.stringify([endpoints, development, gateway?.parked])
}

/** A digest: there are secrets among them. */
function contentOf(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file}\0`).update(readIfThere(file))
  return hash.digest('base64url')
}

function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.of()
  }
}
