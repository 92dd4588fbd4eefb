// The process of an operator who looks after the signing keys of a service that runs: reads the same settings, opens the
// same store, does one command. Exit code 1: it could not be done; 2: it was not called rightly.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { loadOrCreateSecret } from '@gatehouse/service'
import { type Config, readConfig } from './config.ts'
import { ConfigError, StoreUnavailableError } from './errors.ts'
import { keysUsage, parseKeysCommand, runKeysCommand, UsageError } from './keys/command-line.ts'
import { KeyCommandError } from './keys/operator.ts'
import type { Store } from './store/contract.ts'
import { openStore } from './store/open-store.ts'
import { createSealing } from './store/sealing.ts'

/** Milliseconds. Longer than replicas take to read what others wrote: see provider/engine.ts. */
const HOLD = 6_000
/** Milliseconds for Redis to answer. */
const ANSWERS_WITHIN = 5_000

try {
  await run()
} catch (error) {
  const [told, code] = explain(error)
  process.stderr.write(told)
  process.exitCode = code
}

async function run(): Promise<void> {
  const command = parseKeysCommand(process.argv.slice(2))
  if (!command) return void process.stdout.write(keysUsage)
  const config = readConfig(process.env)
  const store = open(config)
  try {
    await untilReady(store)
    const { documents } = store
    const { lifetimes } = config
    const hold = store.shared ? HOLD : 0
    process.stdout.write(await runKeysCommand(command, { documents, lifetimes, hold, clock: Date.now }))
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

async function untilReady(store: Store): Promise<void> {
  for (const deadline = performance.now() + ANSWERS_WITHIN; ; await wait(50)) {
    try {
      return await store.ping()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || performance.now() > deadline) throw error
    }
  }
}

function explain(error: unknown): readonly [string, number] {
  if (error instanceof UsageError) return [`${error.message}\n\n${keysUsage}`, 2]
  if (error instanceof ConfigError) return [error.faults.map((fault) => `${fault}\n`).join(''), 1]
  if (error instanceof KeyCommandError) return [`${error.message}\n`, 1]
  if (error instanceof StoreUnavailableError) {
    const reason = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    return [`The store does not answer${reason}. What was asked for may be done or not: list shows it.\n`, 1]
  }
  throw error
}
