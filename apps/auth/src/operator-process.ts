// What commands of an operator have in common: they read the settings of the service, open the same store and do one thing. Exit code
// 1: it could not be done; 2: it was not called rightly.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadOrCreateSecret } from '@gatehouse/service'
import { type Config, readConfig } from './config.ts'
import { ConfigError, CursorError, OperatorError, StoreUnavailableError, UsageError } from './errors.ts'
import type { Store } from './store/contract.ts'
import { openStore, untilAnswers } from './store/open-store.ts'
import { createSealing } from './store/sealing.ts'

/** Milliseconds for Redis to answer. */
const answersWithin = 5_000

export interface OperatorCommand<Command> {
  readonly usage: string
  /** Undefined: asked for the usage. Throws {@link UsageError}. */
  readonly parse: (args: readonly string[]) => Command | undefined
  /** Returns what to print. */
  readonly run: (command: Command, open: { readonly store: Store; readonly config: Config }) => Promise<string>
}

export async function runOperatorCommand<Command>(operator: OperatorCommand<Command>): Promise<void> {
  try {
    process.stdout.write(await answer(operator))
  } catch (error) {
    const [told, code] = explain(error, operator.usage)
    process.stderr.write(told)
    process.exitCode = code
  }
}

async function answer<Command>({ usage, parse, run }: OperatorCommand<Command>): Promise<string> {
  const command = parse(process.argv.slice(2))
  if (!command) return usage
  const config = readConfig(process.env)
  const store = open(config)
  try {
    await untilAnswers(store, answersWithin)
    return await run(command, { store, config })
  } finally {
    await store.close()
  }
}

/** Makes nothing: neither a file nor a secret. */
function open(config: Config): Store {
  const { dataDir, previousSecret: previous } = config
  if (!config.secret && !existsSync(join(dataDir, 'auth.secret')))
    throw new ConfigError([`AUTH_SECRET is not set, and there is no auth.secret in DATA_DIR, ${dataDir}.`])
  const sealing = createSealing({ secret: config.secret ?? loadOrCreateSecret(dataDir, 'auth.secret'), previous })
  try {
    return openStore(config.store, { sealing, onTrouble: () => undefined, mayCreate: false })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError([...error.faults, 'Without Redis, stop the service first and start it again afterwards.'])
  }
}

function explain(error: unknown, usage: string): readonly [string, number] {
  if (error instanceof UsageError) return [`${error.message}\n\n${usage}`, 2]
  if (error instanceof ConfigError) return [error.faults.map((fault) => `${fault}\n`).join(''), 1]
  if (error instanceof OperatorError || error instanceof CursorError) return [`${error.message}\n`, 1]
  if (error instanceof StoreUnavailableError) {
    const reason = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    return [`The store does not answer${reason}. What was asked for may be done or not: list shows it.\n`, 1]
  }
  throw error
}
