// The MCP server inside another process: what main.ts opens, without signals, metrics and a listener of its own.
import { openStore } from '@gatehouse/mcp-sessions'
import type { FastifyInstance } from 'fastify'
import { createApp } from './app.ts'
import { type Config, readConfig } from './config.ts'

export interface EmbeddedOptions {
  /** The variables of the service. `DATA_DIR` has to be among them. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where log lines go. */
  readonly logStream: { write(line: string): void }
}

/** Opens it on the embedded store. Throws {@link ConfigError} with every fault. */
export function openMcpServer({ env, logStream }: EmbeddedOptions): {
  readonly app: FastifyInstance
  readonly config: Config
} {
  const config = { ...readConfig(env), redis: undefined }
  const onOutage = (error: Error): void => app.log.error({ err: error }, 'the store cannot be reached')
  const store = config.sessions ? openStore({ ...config, onOutage }) : undefined
  const app: FastifyInstance = createApp({ config, store, logStream })
  return { app, config }
}
