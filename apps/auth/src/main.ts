// The process: read the configuration, open the store, start the app, close on a signal. No logic.
import { createApp } from './app.ts'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'
import { loadOrCreateSecret } from './keys/secret.ts'
import { createLogger } from './log.ts'
import { openStore } from './store/open-store.ts'
import { createSealing } from './store/sealing.ts'

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
  })
  const app = await createApp({ config, store, sealing, logger }).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  app.addHook('onClose', () => store.close())

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'closing')
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
