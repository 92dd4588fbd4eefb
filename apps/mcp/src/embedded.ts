// The MCP server inside another process: what main.ts opens, without signals, metrics and a listener of its own.

import { openStore } from '@gatehouse/mcp-sessions'
import { loadOrCreateSecret, logTrouble, type OnTrouble } from '@gatehouse/service'
import type { Environment } from '@gatehouse/shared'
import type { FastifyInstance } from 'fastify'
import { createApp } from './app.ts'
import { type Config, readConfig } from './config.ts'
import { openGateway } from './gateway/open-gateway.ts'

// for the process that it is in
export { boundGarbage, releaseAfterStart } from '@gatehouse/service'

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
export function openMcpServer({ env, logStream }: EmbeddedOptions): {
  readonly app: FastifyInstance
  readonly config: Config
} {
  const given = env.MCP_SECRET || env.MCP_SECRET_FILE
  const settings = given ? env : { ...env, MCP_SECRET: loadOrCreateSecret(env.DATA_DIR ?? '.data', 'mcp.secret') }
  const config = readConfig(settings)
  const onTrouble: OnTrouble = (event) => logTrouble(app.log, event)
  const store = config.sessions ? openStore({ kind: 'sqlite', folder: config.dataDir }, onTrouble) : undefined
  const app: FastifyInstance = createApp({ config, openGateway, store, logStream })
  return { app, config }
}
