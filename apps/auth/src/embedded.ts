// The authorization server inside another process: what main.ts opens, without signals, metrics and a listener of its own.
import { join } from 'node:path'
import { loadOrCreateSecret } from '@gatehouse/service'
import type { Environment } from '@gatehouse/shared'
import type { FastifyInstance } from 'fastify'
import { createApp } from './app.ts'
import { type Config, readConfig } from './config.ts'
import { createLogger } from './log.ts'
import { reloadSource } from './reload.ts'
import { createSealing } from './store/sealing.ts'
import { openSqliteStore } from './store/sqlite/store.ts'

export interface EmbeddedOptions {
  /** The variables of the service. `DATA_DIR` has to be among them. */
  readonly env: Environment
  /** Where log lines go. */
  readonly logStream: { write(line: string): void }
}

/**
 * Opens it on the embedded store. A secret that `env` does not have is made and kept in the data directory, in production
 * too: there is one process and one folder. Throws {@link ConfigError} with every fault.
 */
export async function openAuthorizationServer({ env, logStream }: EmbeddedOptions): Promise<{
  readonly app: FastifyInstance
  readonly config: Config
}> {
  const given = env.AUTH_SECRET || env.AUTH_SECRET_FILE
  const config = readConfig(
    given ? env : { ...env, AUTH_SECRET: loadOrCreateSecret(env.DATA_DIR ?? '.data', 'auth.secret') },
  )
  const logger = createLogger(config.logLevel, logStream)
  const sealing = createSealing({ secret: config.secret as string, previous: config.previousSecret })
  const store = openSqliteStore({
    path: join(config.dataDir, 'auth.sqlite'),
    clock: Date.now,
    sealing,
    onTampered: (value) => logger.error({ value }, 'a stored value does not open and is treated as absent'),
  })
  const app = await createApp({ config, store, sealing, logger, logStream, reload: reloadSource(env, config) }).catch(
    async (error: unknown) => {
      await store.close()
      throw error
    },
  )
  app.addHook('onClose', () => store.close())
  return { app, config }
}
