// The process: read the configuration, open the store, start the app, close on a signal. No logic.
import { createApp } from './app.ts'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'
import { loadOrCreateSecret } from './keys/secret.ts'
import { createLogger } from './log.ts'
import { openStore } from './store/open-store.ts'
import { createSealing } from './store/sealing.ts'

/** Milliseconds. Twice what deploy/haproxy.cfg needs to notice that a replica is not ready. */
const DRAIN = 3_000
/** Milliseconds for all of closing. Less than what compose and Kubernetes wait before they kill. */
const CLOSE_WITHIN = 12_000

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
  const logger = createLogger(config.logLevel)
  const secret = config.secret ?? loadOrCreateSecret(config.dataDir)
  const sealing = createSealing({ secret, previous: config.previousSecret })
  const store = openStore({
    redisUrl: config.redisUrl,
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
  })
  // with Redis there may be other replicas, and somebody who spreads requests over them
  const drain = config.redisUrl ? DRAIN : 0
  const app = await createApp({ config, store, sealing, logger, drain }).catch(async (error: unknown) => {
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
  await app.listen({ host: config.host, port: config.port }).catch(async (error: NodeJS.ErrnoException) => {
    await app.close()
    throw new ConfigError([
      `HOST ${config.host}, PORT ${config.port}: cannot listen there (${error.code}). Is something else using it?`,
    ])
  })
  logger.info(
    { issuer: config.issuer, store: config.redisUrl ? 'redis' : 'sqlite' },
    'the authorization server listens',
  )
  if (config.developerLogin !== 'off')
    logger.warn('the developer login is on: it lets everybody in and must never be public')
}
