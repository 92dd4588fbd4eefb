// How the process of a service starts, listens and ends. Exit codes: 0, it was told to end and did; 1, it could not start,
// or did not end in time.
import type { FastifyInstance } from 'fastify'
import { ConfigError } from '../errors.ts'
import { openLogStream } from '../log-stream.ts'
import { createMetrics, type Metrics, serveMetrics } from '../metrics.ts'
import { boundGarbage, releaseAfterStart } from './heap.ts'

/** Milliseconds. Twice what deploy/haproxy.cfg needs to notice that a replica is not ready. */
const drain = 3_000
/** Milliseconds for all of closing. Less than what compose and Kubernetes wait before they kill. */
const closeWithin = 12_000
/** Why a port cannot be had. */
const hints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Is something else using it?',
  EACCES: 'May this process use that port?',
}

/** Milliseconds. There may be other replicas, and a proxy that spreads requests over them, unless the store is ours alone. */
export function drainTime(store: { readonly shared: boolean } | undefined): number {
  return store?.shared === false ? 0 : drain
}

/**
 * Runs `start`. A {@link ConfigError} ends the process, with every fault on standard error. `name` begins a sentence.
 * Any other error is a defect: it passes, and Node ends the process with its stack.
 */
export async function runProcess(name: string, start: () => Promise<void>): Promise<void> {
  boundGarbage(process.execArgv)
  try {
    await start()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${name} cannot start:\n${error.faults.map((fault) => `- ${fault}\n`).join('')}`)
    process.exit(1)
  }
}

/** Where this process logs, and its metrics: none without a port for them. Once a process: it takes standard output over. */
export function openReporting(metricsPort: number | undefined) {
  const logStream = openLogStream()
  const metrics = metricsPort === undefined ? undefined : createMetrics()
  metrics?.gauge(
    'gatehouse_log_lines_dropped',
    'Log lines that were dropped: the disk is full, or their reader is stuck.',
    logStream.dropped,
  )
  return { logStream, metrics }
}

export interface Addresses {
  readonly host: string
  readonly port: number
  readonly metricsPort: number | undefined
}

/**
 * Listens, on the metrics' port too, until a signal ends the process. Throws {@link ConfigError}, with the app closed, for
 * a port that cannot be had.
 */
export async function serve(app: FastifyInstance, { host, port, metricsPort }: Addresses, metrics?: Metrics) {
  endOnSignal(app)
  const listening = async (name: string, asked: number, listen: Promise<unknown>) => {
    try {
      await listen
    } catch (error) {
      await app.close()
      if (!isListenError(error)) throw error
      const hint = hints[error.code ?? ''] ?? 'Is HOST an address of this machine?'
      throw new ConfigError([`HOST ${host}, ${name} ${asked}: cannot listen there (${error.code}). ${hint}`])
    }
  }
  if (metrics && metricsPort !== undefined) {
    const serving = serveMetrics(metrics, { host, port: metricsPort })
    app.addHook('onClose', async () => (await serving.catch(() => undefined))?.close())
    await listening('METRICS_PORT', metricsPort, serving)
  }
  await listening('PORT', port, app.listen({ host, port }))
  void releaseAfterStart()
}

function endOnSignal(app: FastifyInstance): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      app.log.info({ signal }, 'closing')
      setTimeout(() => process.exit(1), closeWithin).unref()
      app.close().then(
        () => process.exit(0),
        (error: unknown) => {
          app.log.error({ err: error }, 'closing failed')
          process.exit(1)
        },
      )
    })
  }
}

function isListenError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
