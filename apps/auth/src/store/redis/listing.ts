// Listings: the names of keys say where records are, and are hashes. See packages/service/src/redis-scan.ts.
import { CursorError } from '../../errors.ts'
import type { Page, PageRequest } from '../contract.ts'
import type { RedisPartOptions } from './parts.ts'

export function createListing({ connection, prefix }: RedisPartOptions) {
  return async function list<T>(
    family: string,
    { after, size }: PageRequest,
    read: (hash: string) => Promise<T | undefined>,
  ): Promise<Page<T>> {
    const begins = `${prefix}${family}`
    const step = await connection.scan(`${begins}*`, { count: size, after })
    if (!step) throw new CursorError()
    const found = await Promise.all(step.keys.map((key) => read(key.slice(begins.length))))
    const entries = found.filter((entry) => entry !== undefined)
    return step.next === undefined ? { entries } : { entries, next: step.next }
  }
}
