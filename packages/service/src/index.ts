// What the processes of both services are made of: connections to Redis, the SQLite file, and the settings of both. It
// knows neither what is stored nor who asks; the Lua scripts come from the services.
export {
  type Audit,
  type AuditInFile,
  type AuditSettings,
  createAudit,
  readAuditSettings,
  shownArguments,
  shownText,
  shownUri,
} from './audit/index.ts'
export { boundConnections, connectionLimits } from './connections.ts'
export { ConfigError, GatehouseError, StoreUnavailableError } from './errors.ts'
export { readForwarding } from './forwarding.ts'
export { loadOrCreateSecret } from './kept-secret.ts'
export { createMetrics, type Metrics, readMetricsPort } from './metrics.ts'
export { networkOf } from './network-of.ts'
export { countHeader, createNameCheck, nameOf, namesOf } from './own-name.ts'
export { registerHealth } from './process/health.ts'
export { boundGarbage, releaseAfterStart } from './process/heap.ts'
export { logOptions } from './process/log-options.ts'
export { requestLines } from './process/request-lines.ts'
export { drainTime, openReporting, runProcess, serve } from './process/run.ts'
export { type Proxies, readProxies, useProxies } from './proxies.ts'
export { type AttemptCommands, attemptScripts } from './redis-attempts.ts'
export { openRedisChannels } from './redis-channels.ts'
export {
  openRedisConnection,
  type RedisCommands,
  type RedisConnection,
  type RedisConnectionOptions,
  type RedisScript,
} from './redis-connection.ts'
export { type RedisTarget, readRedisTarget } from './redis-target.ts'
export { requestReading } from './requests.ts'
export { readSecret } from './secret.ts'
export { seldom } from './seldom.ts'
export { createSettingsReader, type SettingsReader } from './settings.ts'
export { openSqliteDatabase, type SqliteDatabase, sqliteFailure } from './sqlite-database.ts'
export { readStoreChoice, type StoreChoice } from './store-choice.ts'
export { logTrouble, type OnTrouble, redisTroubles, type StoreTrouble } from './store-trouble.ts'
export {
  activeSpan,
  inSpan,
  openTracing,
  readTracingSettings,
  requestTracing,
  type Span,
  type TracingSettings,
  traceRequests,
} from './tracing/index.ts'
export { serviceVariables, type Variable, type Variables } from './variables.ts'
export { watchFile } from './watched-file.ts'
export { withoutSchemas } from './without-schemas.ts'
