// What the parts of the Redis store have in common: what each is made with, how a record is read, and the index by grant.
import type { RedisConnection } from '@gatehouse/service'
import type { Clock, StoredRecord } from '../contract.ts'
import type { Envelope, Envelopes, FoundBy as Inside } from '../envelope.ts'
import type { Sealing } from '../sealing.ts'
import type { ScriptedRedis } from './scripts.ts'

export interface RedisPartOptions {
  readonly connection: RedisConnection<ScriptedRedis>
  readonly sealing: Sealing
  readonly envelopes: Envelopes
  readonly clock: Clock
  /** The first argument of the scripts that look at the time: see store.ts. */
  readonly clockOffset: () => number
  /** What is sent at once is carried out in the order in which it was sent, as one Redis does and a cluster does not. */
  readonly inOrder: boolean
  /** Begins the name of every key. */
  readonly prefix: string
}

/** How a record was reached, if not by its id: what it must say about itself, hashed and plain. */
export interface FoundBy extends Inside {
  readonly uidHash?: string
  readonly userCodeHash?: string
}

export interface RecordRead {
  readonly record: StoredRecord
  /** Milliseconds until it expires. */
  readonly lastsFor: number
  readonly envelope: Envelope
  /** As it is stored. */
  readonly value: Buffer
}

export type ReadRecord = ReturnType<typeof createRecordReader>

export function createRecordReader({ connection, envelopes, clock, clockOffset, prefix }: RedisPartOptions) {
  return async function readRecord(
    model: string,
    hash: string,
    { uidHash, userCodeHash, ...inside }: FoundBy = {},
  ): Promise<RecordRead | undefined> {
    const key = `${prefix}${model}:${hash}`
    const found = await connection.read((redis) => redis.readRecordBuffer(key, clockOffset()))
    if (!found) return undefined
    const [value, consumedFor, ownUid, ownUserCode, wasFirst, rest] = found
    // An entry that a later write left behind; one that was tampered with is found out by the envelope.
    if (uidHash !== undefined && ownUid.toString() !== uidHash) return undefined
    if (userCodeHash !== undefined && ownUserCode.toString() !== userCodeHash) return undefined
    const envelope = envelopes.open(model, hash, value, inside)
    if (!envelope) return undefined
    // Who learns that it was used, or was the first, acts on that: not if a failover could undo it.
    if (consumedFor >= 0 || wasFirst === 1) await connection.copied()
    const consumption = consumedFor < 0 ? {} : { consumedAt: clock() - consumedFor }
    const lastsFor = rest.length === 0 ? Number.POSITIVE_INFINITY : Number(rest.toString())
    return { record: { payload: envelope.payload, ...consumption }, lastsFor, envelope, value }
  }
}

export function createGrantIndex({ sealing, clockOffset, prefix }: RedisPartOptions) {
  /** `member` is the record's key without the prefix, `keptFor` in milliseconds or '' for ever. */
  return function indexGrant(
    redis: ScriptedRedis,
    grantId: string,
    member: string,
    keptFor: number | '',
  ): Promise<0 | 1> {
    const key = `${prefix}grant:${sealing.hashKey('grant', grantId)}`
    return redis.indexGrant(key, clockOffset(), member, keptFor)
  }
}
