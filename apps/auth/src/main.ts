// The process: read the configuration, open the store, start the app, close on a signal. No logic.
import { join } from 'node:path'
import { createApp } from './app.ts'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'
import { loadOrCreateSecret } from './keys/secret.ts'
import { createLogger } from './log.ts'
import { createSealing } from './store/sealing.ts'
import { openSqliteStore } from './store/sqlite.ts'

try {
  await start()
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`The authorization server cannot start:\n${error.faults.map((fault) => `  - ${fault}\n`).join('')}`)
  process.exitCode = 1
}

async function start(): Promise<void> {
  const config = readConfig(process.env)
  const logger = createLogger(config.logLevel)
  const sealing = createSealing({
    secret: config.secret ?? loadOrCreateSecret(config.dataDir),
    ...(config.previousSecret && { previous: config.previousSecret }),
  })
  const store = openSqliteStore({
    path: join(config.dataDir, 'auth.sqlite'),
    sealing,
    clock: Date.now,
    onTampered: (what) => logger.error({ what }, 'a stored value does not open and is treated as absent'),
  })
  const app = await createApp({ config, store, sealing, logger })
  app.addHook('onClose', () => store.close())

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'closing')
      void app.close()
    })
  }
  await app.listen({ host: config.host, port: config.port })
  logger.info({ issuer: config.issuer }, 'the authorization server listens')
  if (config.developerLogin !== 'off') logger.warn('the developer login is on: it lets everybody in and must never be public')
}
