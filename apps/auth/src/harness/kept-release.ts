// What a server of the release before left in its store, as files: releases/<release>/. They were made with the code of that
// release: somebody of GitHub approved a registered client on a device, which renewed its tokens once, and a second device waits. All
// secrets in them are those of tests, AUTH_SECRET that of auth-server.ts.
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'

/** What people, apps and devices of that time have. Times are milliseconds since the epoch. */
export interface Left {
  readonly at: number
  readonly subject: string
  readonly clientId: string
  readonly refreshToken: string
  readonly usedRefreshToken: string
  readonly deviceCode: string
  readonly userCode: string
  readonly upstreamToken: string
}

type StoredKey = { readonly key: string; readonly ttl: number } & (
  | { readonly type: 'hash'; readonly fields: Readonly<Record<string, string>> }
  | { readonly type: 'zset'; readonly members: readonly string[] }
  | { readonly type: 'string'; readonly value: string }
)

const folder = join(import.meta.dirname, 'releases/0.1.0')

const read = (name: string) =>
  JSON.parse(readFileSync(join(folder, name), 'utf8')) as { readonly left: Left; readonly keys: readonly StoredKey[] }

export function restoreSqlite(dataDir: string): Left {
  copyFileSync(join(folder, 'auth.sqlite'), join(dataDir, 'auth.sqlite'))
  return read('sqlite.json').left
}

/** Lives begin again, instants stay as they were. */
export async function restoreRedis(redis: Redis, prefix: string): Promise<Left> {
  const { left, keys } = read('redis.json')
  for (const stored of keys) {
    const key = prefix + stored.key
    if (stored.type === 'string') await redis.set(key, Buffer.from(stored.value, 'base64'))
    else if (stored.type === 'hash') {
      const { v = '', ...fields } = stored.fields
      await redis.hset(key, { ...fields, v: Buffer.from(v, 'base64') })
    } else {
      for (let index = 0; index < stored.members.length; index += 2)
        await redis.zadd(key, stored.members[index + 1] ?? '', stored.members[index] ?? '')
    }
    if (stored.ttl > 0) await redis.pexpire(key, stored.ttl)
  }
  return left
}
