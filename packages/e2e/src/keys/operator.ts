// The operator's command beside a running cluster: a process of its own with the settings of a replica.
import { startProcess } from '@gatehouse/testing'
import type { Cluster } from '../replicas/cluster.ts'
import { ask } from '../replicas/wire.ts'

export interface KeyList {
  readonly keys: readonly { readonly kid: string; readonly state: 'retiring' | 'signing' | 'next' }[]
  readonly removed: readonly string[]
}

export interface Operator {
  /** Resolves with what it printed; rejects with its complaint. */
  readonly run: (...args: readonly string[]) => Promise<string>
  readonly list: () => Promise<KeyList>
}

export function createOperator({ issuer, redis }: Cluster, lifetimes: Readonly<Record<string, number>>): Operator {
  const env = {
    AUTH_ISSUER: issuer,
    AUTH_SECRET: 'the one that all replicas of these tests share',
    AUTH_LIFETIMES: JSON.stringify(lifetimes),
    REDIS_URL: redis.url,
  }
  const run = async (...args: readonly string[]) => {
    await using command = startProcess(['apps/auth/src/keys-command.ts', ...args], { env })
    const { code } = await command.exited
    if (code !== 0) throw new Error(`it ended with ${code}:\n${command.output()}`)
    return command.stdout()
  }
  return { run, list: async () => JSON.parse(await run('list', '--json')) as KeyList }
}

/** The key ids that a replica publishes. */
export async function publishedAt(url: string): Promise<readonly string[]> {
  const { json } = await ask(`${url}/jwks`)
  return (json as unknown as { keys?: readonly { kid: string }[] }).keys?.map(({ kid }) => kid) ?? []
}

/** The id of the key that signed a token. */
export function kidOf(token: string | undefined): string {
  const header = Buffer.from((token ?? '').split('.')[0] ?? '', 'base64url').toString()
  return (JSON.parse(header) as { kid: string }).kid
}
