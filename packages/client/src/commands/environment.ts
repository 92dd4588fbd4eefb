import { readFileSync } from 'node:fs'
import envPaths from 'env-paths'
import { ClientError } from '../errors.ts'

/** What the environment says, read once. */
export interface Environment {
  /** How this program is called, for the help and for hints. */
  readonly program: string
  /** The folder for what is kept. */
  readonly home: string
  readonly clientId: string | undefined
  readonly clientSecret: string | undefined
  readonly color: boolean
}

type Variables = Readonly<Record<string, string | undefined>>

/** Throws a usage error for a secret that is named but cannot be read. Reads no other variable, and no flag's secret. */
export function readEnvironment(env: Variables): Environment {
  return {
    program: env.npm_lifecycle_event === 'client' ? 'npm run client --' : 'gatehouse',
    home: env.GATEHOUSE_HOME || envPaths('gatehouse', { suffix: '' }).config,
    clientId: env.GATEHOUSE_CLIENT_ID || undefined,
    clientSecret: env.GATEHOUSE_CLIENT_SECRET || readSecret(env.GATEHOUSE_CLIENT_SECRET_FILE),
    color: !env.NO_COLOR && env.TERM !== 'dumb',
  }
}

function readSecret(file: string | undefined): string | undefined {
  if (!file) return undefined
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch (cause) {
    throw new ClientError('usage', 'The file with the client secret cannot be read.', {
      reason: `${file} (${(cause as NodeJS.ErrnoException).code}).`,
      hint: 'Correct GATEHOUSE_CLIENT_SECRET_FILE.',
      cause,
    })
  }
}
