import type { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ClientError } from '@gatehouse/network'
import envPaths from 'env-paths'
import { type Proxies, readProxies } from '../network/proxies.ts'
import { readClientKey } from '../registration/client-key.ts'

/** What the environment says, read once. */
export interface Environment {
  /** How this program is called, for the help and for hints. */
  readonly program: string
  /** The folder for what is kept. */
  readonly home: string
  readonly clientId: string | undefined
  readonly clientSecret: string | undefined
  readonly clientKey: webcrypto.CryptoKey | undefined
  readonly clientMetadataUrl: string | undefined
  readonly proxies: Proxies | undefined
  readonly color: boolean
}

type Variables = Readonly<Record<string, string | undefined>>

/** Throws a usage error for a secret, a key or a proxy that is named but cannot be read. Reads no other variable, and no flag's secret. */
export function readEnvironment(env: Variables): Environment {
  return {
    program: env.npm_lifecycle_event === 'client' ? 'npm run client --' : 'gatehouse',
    home: env.GATEHOUSE_HOME || envPaths('gatehouse', { suffix: '' }).config,
    clientId: env.GATEHOUSE_CLIENT_ID || undefined,
    clientSecret:
      env.GATEHOUSE_CLIENT_SECRET ||
      readNamed('SECRET', env.GATEHOUSE_CLIENT_SECRET_FILE, (text) => text.trim() || undefined),
    clientKey: readNamed('KEY', env.GATEHOUSE_CLIENT_KEY_FILE, readClientKey),
    clientMetadataUrl: env.GATEHOUSE_CLIENT_METADATA_URL || undefined,
    proxies: readProxies(env),
    color: !env.NO_COLOR && env.TERM !== 'dumb',
  }
}

function readNamed<T>(what: 'SECRET' | 'KEY', file: string | undefined, read: (text: string) => T): T | undefined {
  if (!file) return undefined
  try {
    return read(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new ClientError('usage', `The file with the client ${what.toLowerCase()} cannot be read.`, {
      reason: `${file} (${(cause as NodeJS.ErrnoException).code ?? 'not a private key in PEM'}).`,
      hint: `Correct GATEHOUSE_CLIENT_${what}_FILE.`,
      cause,
    })
  }
}
