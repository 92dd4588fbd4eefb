// The file of the gateway changed while the process runs: its endpoints are our resources, its groups those that tokens name,
// and it says where the audit goes. It is judged before anything is done: a faulty one changes nothing.
import { isDeepStrictEqual } from 'node:util'
import { type Audit, watchFile } from '@gatehouse/service'
import type { Environment } from '@gatehouse/shared'
import type { Groups } from './accounts/groups.ts'
import { type Config, type OfFile, readFileAgain } from './config.ts'
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
  env: Environment,
  config: Config,
  onSignal?: ReloadSource['onSignal'],
): ReloadSource | undefined {
  const file = env.GATEHOUSE_CONFIG
  return file ? { file, read: () => readFileAgain(env, config), onSignal } : undefined
}

export interface FollowOptions {
  readonly resources: Resources
  readonly groups: Pick<Groups, 'all' | 'replace'>
  readonly audit: Pick<Audit, 'settings' | 'change'>
  /** Told of ways into groups that no login leads to. */
  readonly onUnmet: (unmet: readonly string[]) => void
  readonly onReload: (
    reading:
      | { readonly result: 'changed' | 'unchanged'; readonly resources: readonly string[] }
      | { readonly result: 'faulty'; readonly faults: readonly string[] },
  ) => void
}

/** From now on `resources`, `groups` and `audit` are what the file says. Returns what stops that. */
export function followFile(
  { file, read, onSignal }: ReloadSource,
  { resources, groups, audit, onReload, onUnmet }: FollowOptions,
): () => void {
  const judge = ({ isFirst = false } = {}) => {
    try {
      const next = read()
      const isSame =
        isDeepStrictEqual(next.resources, resources.all) &&
        isDeepStrictEqual(next.groups, groups.all) &&
        isDeepStrictEqual(next.audit, audit.settings)
      resources.replace(next.resources)
      groups.replace(next.groups)
      audit.change(next.audit)
      if (next.unmetGroups.length > 0 && !isSame) onUnmet(next.unmetGroups)
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
