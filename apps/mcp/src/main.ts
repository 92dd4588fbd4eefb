// The process: read the configuration, open the store, start the app, close it on a signal. No logic.
import { openStore } from '@gatehouse/mcp-sessions'
import { createMetrics, openLogStream, serveMetrics, useProxies } from '@gatehouse/service'
import { createApp } from './app.ts'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'

/** Milliseconds. Twice what deploy/haproxy.cfg needs to notice that a replica is not ready. */
const drainTime = 3_000
/** Milliseconds for all of closing. Less than what compose and Kubernetes wait before they kill. */
const shutdownLimit = 12_000

const config = orExit(() => readConfig(process.env))
useProxies(config.proxies)
// The app, whose log tells of outages, is there by the time of the first one.
const onOutage = (error: Error): void => app.log.error({ err: error }, 'Redis cannot be reached: trying again')
const store = config.sessions ? orExit(() => openStore({ ...config, onOutage })) : undefined
// With Redis there may be other replicas, and somebody who spreads requests over them.
const metrics = config.metricsPort === undefined ? undefined : createMetrics()
const logStream = openLogStream()
metrics?.gauge(
  'gatehouse_log_lines_dropped',
  'Log lines that were dropped: the disk is full, or their reader is stuck.',
  logStream.dropped,
)
const app = createApp({ config, store, metrics, logStream, drain: config.redis ? drainTime : 0 })

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    app.log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), shutdownLimit).unref()
    app.close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  })
}

if (metrics && config.metricsPort !== undefined) {
  const serving = serveMetrics(metrics, { host: config.host, port: config.metricsPort })
  app.addHook('onClose', async () => (await serving.catch(() => undefined))?.close())
  await listening('METRICS_PORT', config.metricsPort, serving)
}
await listening('PORT', config.port, app.listen({ host: config.host, port: config.port }))
for (const name of config.developmentDefaults) app.log.warn(`${name} is not set: a default for development is used`)
for (const warning of config.warnings) app.log.warn(warning)
const sessions = store ? (config.redis ? 'redis' : 'sqlite') : 'off'
app.log.info({ resource: config.resource, issuer: config.issuer, sessions }, 'MCP server started')

function orExit<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return exit(error.faults)
  }
}

function exit(faults: readonly string[]): never {
  process.stderr.write(`The MCP server cannot start:\n${faults.map((fault) => `- ${fault}\n`).join('')}`)
  process.exit(1)
}

async function listening(name: string, port: number, listen: Promise<unknown>): Promise<void> {
  try {
    await listen
  } catch (error) {
    if (!isListenError(error)) throw error
    await app.close()
    exit([`Cannot listen on ${config.host}, port ${port} (${error.code}): set HOST or ${name}.`])
  }
}

function isListenError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
