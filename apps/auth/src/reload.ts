// The file of the gateway changed while the process runs: its endpoints are our resources, and it says where the audit goes. It is judged before anything is
// done: a faulty one changes nothing.
import { isDeepStrictEqual } from 'node:util'
import { type Audit, watchFile } from '@gatehouse/service'
import { type OfFile, readFileAgain } from './config.ts'
import { ConfigError } from './errors.ts'
import type { Resources } from './provider/resources.ts'

export interface ReloadSource {
  readonly file: string
  /** Throws {@link ConfigError} with every fault. */
  readonly read: () => OfFile
  /** Calls a function when the operator says so. Returns how to stop that. */
  readonly onSignal?: ((run: () => void) => () => void) | undefined
}

/** Undefined where there is no file. */
export function reloadSource(
  env: Readonly<Record<string, string | undefined>>,
  onSignal?: ReloadSource['onSignal'],
): ReloadSource | undefined {
  const file = env.GATEHOUSE_CONFIG
  return file ? { file, read: () => readFileAgain(env), onSignal } : undefined
}

export interface FollowOptions {
  readonly resources: Resources
  readonly audit: Pick<Audit, 'settings' | 'change'>
  readonly onReload: (
    reading:
      | { readonly result: 'changed' | 'unchanged'; readonly resources: readonly string[] }
      | { readonly result: 'faulty'; readonly faults: readonly string[] },
  ) => void
}

/** From now on `resources` and `audit` are what the file says. Returns what stops that. */
export function followFile(
  { file, read, onSignal }: ReloadSource,
  { resources, audit, onReload }: FollowOptions,
): () => void {
  const judge = ({ isFirst = false } = {}) => {
    try {
      const next = read()
      const isSame = isDeepStrictEqual(next.resources, resources.all) && isDeepStrictEqual(next.audit, audit.settings)
      resources.replace(next.resources)
      audit.change(next.audit)
      if (isSame && isFirst) return
      onReload({ result: isSame ? 'unchanged' : 'changed', resources: resources.identifiers })
    } catch (error) {
      onReload({ result: 'faulty', faults: error instanceof ConfigError ? error.faults : [(error as Error).message] })
    }
  }
  const stopWatching = watchFile(file, () => judge())
  const stopSignal = onSignal?.(() => judge())
  judge({ isFirst: true }) // it may have changed since the process read its settings
  return () => {
    stopWatching()
    stopSignal?.()
  }
}
