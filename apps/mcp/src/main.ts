// The process: read the configuration, open the store, start the app, close it on a signal. No logic.
import { openStore } from '@gatehouse/mcp-sessions'
import { openReplicas } from '@gatehouse/replicas'
import { drainTime, logTrouble, type OnTrouble, openReporting, runProcess, serve, useProxies } from '@gatehouse/service'
import { createApp } from './app.ts'
import { readConfig } from './config.ts'

await runProcess('The MCP server', async () => {
  const config = readConfig(process.env)
  useProxies(config.proxies)
  const { logStream, metrics } = openReporting(config.metricsPort)
  // The app, whose log tells of outages, is there by the time of the first one.
  const onTrouble: OnTrouble = (event) => logTrouble(app.log, event)
  const store = config.sessions ? openStore({ ...config, onTrouble }) : undefined
  const reload = { read: () => readConfig(process.env), onSignal: onHangUp }
  // without a secret of all there is nothing that others could read
  const replicas = config.gateway && config.secrets && config.redis && openReplicas(config.redis, onTrouble)
  const app = createApp({ config, store, replicas, metrics, logStream, reload, onHangUp, drain: drainTime(config) })
  await serve(app, config, metrics)
  for (const name of config.developmentDefaults) app.log.warn(`${name} is not set: a default for development is used`)
  for (const warning of config.warnings) app.log.warn(warning)
  const sessions = store ? (config.redis ? 'redis' : 'sqlite') : 'off'
  app.log.info({ resource: config.resource, issuer: config.issuer, sessions }, 'MCP server started')
})

function onHangUp(run: () => void): () => void {
  process.on('SIGHUP', run)
  return () => process.off('SIGHUP', run)
}
