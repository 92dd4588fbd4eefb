// The secret of the gateway where the environment has none: a process alone makes one and keeps it.
import { loadOrCreateSecret } from '@gatehouse/service'
import { type Config, missingSecret } from './config.ts'
import { ConfigError } from './errors.ts'

/**
 * The same, with a secret where one is needed. `shared`: whether replicas read what this process writes, which they could not
 * with secrets of their own. Throws {@link ConfigError} then.
 */
export function withSecret(config: Config, { shared }: { readonly shared: boolean }): Config {
  if (config.secrets || !config.needsSecret) return config
  if (shared) throw new ConfigError([missingSecret])
  return { ...config, secrets: [loadOrCreateSecret(config.dataDir, 'mcp.secret')] }
}
