import type { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ClientError } from '@gatehouse/network'
import type { TraceContext, Environment as Variables } from '@gatehouse/shared'
import envPaths from 'env-paths'
import { type Proxies, readProxies } from '../network/proxies.ts'
import { readTraceContext } from '../network/traces.ts'
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
  /** Which trace this run is a part of. */
  readonly trace: TraceContext | undefined
}

/** What each variable is for: docs/variables.md is made of this (scripts/variables.mjs). */
export const clientVariables = {
  GATEHOUSE_HOME: { does: 'where sign-ins, registrations and history are kept', otherwise: 'your folder for settings' },
  GATEHOUSE_CLIENT_ID: { does: 'the client to be, instead of one that registers itself' },
  GATEHOUSE_CLIENT_SECRET: { does: 'its secret: no person signs in then', secret: true },
  GATEHOUSE_CLIENT_KEY_FILE: { does: 'its private key in PEM, instead of a secret (`private_key_jwt`)' },
  GATEHOUSE_CLIENT_METADATA_URL: { does: 'the metadata document to be known by, where a service takes such ids' },
  HTTP_PROXY: { does: 'the way out for http addresses; this computer is never asked through it' },
  HTTPS_PROXY: { does: 'the same, for https addresses' },
  NO_PROXY: { does: 'hosts, comma-separated, that are asked without a proxy' },
  TRACEPARENT: { does: 'the trace that the run is a part of, in the form of W3C Trace Context: servers are told' },
  TRACESTATE: { does: 'what goes with it' },
  NO_COLOR: { does: 'anything: no colours' },
} as const

/** Throws a usage error for a secret, a key or a proxy that is named but cannot be read. Reads no other variable, and no flag's secret. */
export function readEnvironment(env: Variables): Environment {
  const read = (name: keyof typeof clientVariables) => env[name] || undefined
  return {
    program: env.npm_lifecycle_event === 'client' ? 'npm run client --' : 'gatehouse',
    home: read('GATEHOUSE_HOME') || envPaths('gatehouse', { suffix: '' }).config,
    clientId: read('GATEHOUSE_CLIENT_ID'),
    clientSecret:
      read('GATEHOUSE_CLIENT_SECRET') ||
      readNamed('SECRET', env.GATEHOUSE_CLIENT_SECRET_FILE, (text) => text.trim() || undefined),
    clientKey: readNamed('KEY', read('GATEHOUSE_CLIENT_KEY_FILE'), readClientKey),
    clientMetadataUrl: read('GATEHOUSE_CLIENT_METADATA_URL'),
    proxies: readProxies(env),
    trace: readTraceContext(env),
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
