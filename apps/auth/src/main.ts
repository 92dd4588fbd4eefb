// The process: read the configuration, open the store, start the app, close on a signal. No logic.
import {
  drainTime,
  loadOrCreateSecret,
  logTrouble,
  openReporting,
  openTracing,
  runProcess,
  StoreUnavailableError,
  serve,
  useProxies,
} from '@gatehouse/service'
import { createApp } from './app.ts'
import { readConfig } from './config.ts'
import { createLogger } from './log.ts'
import { reloadSource } from './reload.ts'
import { openStore, untilAnswers } from './store/open-store.ts'
import { createSealing } from './store/sealing.ts'

/** Milliseconds. */
const storeAnswersWithin = 1_000

await runProcess('The authorization server', async () => {
  const config = readConfig(process.env)
  useProxies(config.proxies)
  const { logStream, metrics } = openReporting(config.metricsPort)
  const log = {
    info: (details: object, message: string) => logger.info(details, message),
    warn: (details: object, message: string) => logger.warn(details, message),
  }
  const closeTracing = await openTracing(config.tracing, { name: 'gatehouse-auth', metrics, log })
  const logger = createLogger(config.logLevel, logStream)
  const secret = config.secret ?? loadOrCreateSecret(config.dataDir, 'auth.secret')
  const sealing = createSealing({ secret, previous: config.previousSecret })
  const store = openStore(config.store, {
    sealing,
    onTampered: (value) => logger.error({ value }, 'a stored value does not open and is treated as absent'),
    onTrouble: (event) => logTrouble(logger, event),
  })
  // one that is away now is waited for while the process runs
  await untilAnswers(store, storeAnswersWithin).catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error
  })
  const reload = reloadSource(process.env, config, onHangUp)
  const app = await createApp({
    config,
    store,
    sealing,
    logger,
    metrics,
    reload,
    logStream,
    onHangUp,
    drain: drainTime(store),
  }).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  app.addHook('onClose', () => store.close())
  app.addHook('onClose', closeTracing)
  await serve(app, config, metrics)
  logger.info({ issuer: config.issuer, store: config.store.kind }, 'the authorization server listens')
  if (config.logins.some(({ login }) => login === 'developer'))
    logger.warn('the developer login is on: it lets everybody in and must never be public')
})

function onHangUp(run: () => void): () => void {
  process.on('SIGHUP', run)
  return () => process.off('SIGHUP', run)
}
