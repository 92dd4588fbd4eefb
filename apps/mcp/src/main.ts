// The process: read the configuration, start the app, close it on a signal. No logic.
import { createApp } from './app.ts'
import { type Config, readConfig } from './config.ts'
import { ConfigError } from './errors.ts'

/** Milliseconds for open requests to end in. Less than what Docker and Kubernetes wait before they kill. */
const shutdownLimit = 9_000

const config = readConfigOrExit()
const app = createApp({ config })

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    app.log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), shutdownLimit).unref()
    app.close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  })
}

try {
  await app.listen({ host: config.host, port: config.port })
} catch (error) {
  if (!isListenError(error)) throw error
  exit([`Cannot listen on ${config.host}, port ${config.port} (${error.code}): set HOST or PORT.`])
}
for (const name of config.developmentDefaults) app.log.warn(`${name} is not set: a default for development is used`)
app.log.info({ resource: config.resource, issuer: config.issuer }, 'MCP server started')

function readConfigOrExit(): Config {
  try {
    return readConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return exit(error.faults)
  }
}

function exit(faults: readonly string[]): never {
  process.stderr.write(`The MCP server cannot start:\n${faults.map((fault) => `- ${fault}\n`).join('')}`)
  process.exit(1)
}

function isListenError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
