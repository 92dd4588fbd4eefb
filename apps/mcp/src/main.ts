// The process: read the configuration, open the store, start the app, close it on a signal. No logic.
import { openStore } from '@gatehouse/mcp-sessions'
import { openReplicas } from '@gatehouse/replicas'
import {
  drainTime,
  logTrouble,
  type OnTrouble,
  openReporting,
  openTracing,
  runProcess,
  serve,
  useProxies,
} from '@gatehouse/service'
import { createApp, loadGateway } from './app.ts'
import { type Config, readConfig } from './config.ts'
import { withSecret } from './secrets.ts'

await runProcess('The MCP server', async () => {
  const given = readConfig(process.env)
  useProxies(given.proxies)
  // waited for while there is nothing yet that could tell the log of the app of trouble
  const openGateway = given.gateway && (await loadGateway())
  const { logStream, metrics } = openReporting(given.metricsPort)
  const log = {
    info: (details: object, message: string) => app.log.info(details, message),
    warn: (details: object, message: string) => app.log.warn(details, message),
  }
  const closeTracing = await openTracing(given.tracing, { name: 'gatehouse-mcp', metrics, log })
  // The app, whose log tells of outages, is there by the time of the first one.
  const onTrouble: OnTrouble = (event) => logTrouble(app.log, event)
  const store = given.sessions ? openStore(given.store, onTrouble) : undefined
  const replicas = given.gateway && openReplicas(given.store, onTrouble)
  const complete = (read: Config) => withSecret(read, { shared: replicas !== undefined })
  const config = complete(given)
  // without a secret of all there is nothing that others could read
  if (!config.secrets) await replicas?.close()
  const app = createApp({
    config,
    openGateway,
    store,
    replicas: config.secrets && replicas,
    metrics,
    logStream,
    reload: { read: () => complete(readConfig(process.env)), onSignal: onHangUp },
    onHangUp,
    drain: drainTime(store),
  })
  app.addHook('onClose', closeTracing)
  await serve(app, config, metrics)
  for (const name of config.developmentDefaults) app.log.warn(`${name} is not set: a default for development is used`)
  for (const warning of config.warnings) app.log.warn(warning)
  const sessions = store ? config.store.kind : 'off'
  app.log.info({ resource: config.resource, issuer: config.issuer, sessions }, 'MCP server started')
})

function onHangUp(run: () => void): () => void {
  process.on('SIGHUP', run)
  return () => process.off('SIGHUP', run)
}
