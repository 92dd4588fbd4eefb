// The process: read the configuration, open the store, start the app, close on a signal. No logic.
import { createMetrics, loadOrCreateSecret, openLogStream, serveMetrics, useProxies } from '@gatehouse/service'
import { createApp } from './app.ts'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'
import { createLogger } from './log.ts'
import { openStore } from './store/open-store.ts'
import { createSealing } from './store/sealing.ts'

/** Milliseconds. Twice what deploy/haproxy.cfg needs to notice that a replica is not ready. */
const DRAIN = 3_000
/** Milliseconds for all of closing. Less than what compose and Kubernetes wait before they kill. */
const CLOSE_WITHIN = 12_000
/** Why a port cannot be had. */
const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Is something else using it?',
  EACCES: 'May this process use that port?',
}

try {
  await start()
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(
    `The authorization server cannot start:\n${error.faults.map((fault) => `  - ${fault}\n`).join('')}`,
  )
  process.exitCode = 1
}

async function start(): Promise<void> {
  const config = readConfig(process.env)
  useProxies(config.proxies)
  const logStream = openLogStream()
  const logger = createLogger(config.logLevel, logStream)
  const secret = config.secret ?? loadOrCreateSecret(config.dataDir, 'auth.secret')
  const sealing = createSealing({ secret, previous: config.previousSecret })
  const store = openStore({
    redis: config.redis,
    dataDir: config.dataDir,
    sealing,
    onTampered: (value) => logger.error({ value }, 'a stored value does not open and is treated as absent'),
    onOutage: (error) => logger.error({ err: error }, 'Redis cannot be reached; trying again'),
    onRefusal: ({ message }) => logger.error({ reason: message }, 'Redis answers, and cannot do what it is asked to'),
    onEviction: (policy) =>
      logger.warn(
        { policy },
        'Redis drops sessions and tokens when it is full: set its maxmemory-policy to noeviction',
      ),
    onUncopied: () => logger.warn('there is no replica of Redis: a failover now would forget what was used'),
  })
  // with Redis there may be other replicas, and somebody who spreads requests over them
  const drain = config.redis ? DRAIN : 0
  const metrics = config.metricsPort === undefined ? undefined : createMetrics()
  metrics?.gauge(
    'gatehouse_log_lines_dropped',
    'Log lines that were dropped: the disk is full, or their reader is stuck.',
    logStream.dropped,
  )
  const app = await createApp({ config, store, sealing, logger, metrics, drain }).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  app.addHook('onClose', () => store.close())

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'closing')
      setTimeout(() => process.exit(1), CLOSE_WITHIN).unref()
      void app.close()
    })
  }
  const listening = async (name: string, port: number, listen: Promise<unknown>) => {
    await listen.catch(async (error: NodeJS.ErrnoException) => {
      await app.close()
      throw new ConfigError([
        `HOST ${config.host}, ${name} ${port}: cannot listen there (${error.code}). ${HINTS[error.code ?? ''] ?? 'Is HOST an address of this machine?'}`,
      ])
    })
  }
  if (metrics && config.metricsPort !== undefined) {
    const serving = serveMetrics(metrics, { host: config.host, port: config.metricsPort })
    app.addHook('onClose', async () => (await serving.catch(() => undefined))?.close())
    await listening('METRICS_PORT', config.metricsPort, serving)
  }
  await listening('PORT', config.port, app.listen({ host: config.host, port: config.port }))
  logger.info({ issuer: config.issuer, store: config.redis ? 'redis' : 'sqlite' }, 'the authorization server listens')
  if (config.logins.some(({ login }) => login === 'developer'))
    logger.warn('the developer login is on: it lets everybody in and must never be public')
}
