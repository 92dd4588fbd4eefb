// The store of any number of processes: one Redis (7 or later, or Valkey), with replicas or as a cluster. Its keys are described in
// docs/storage-schema.md. Single use, compare-and-set and counting are Lua scripts: see scripts.ts.

import { openRedisConnection, type RedisConnectionOptions } from '@gatehouse/service'
import type { Clock, Store } from '../contract.ts'
import { createEnvelopes, type EnvelopeOptions } from '../envelope.ts'
import { createRedisAttempts } from './attempts.ts'
import { createRedisDecisions } from './decisions.ts'
import { createRedisDeviceCodes } from './device-codes.ts'
import { createRedisDocuments } from './documents.ts'
import { createRedisRecords } from './records.ts'
import { onKnownSchema } from './schema.ts'
import { type ScriptedRedis, scripts } from './scripts.ts'

export interface RedisStoreOptions extends EnvelopeOptions, RedisConnectionOptions {
  /** What `consumedAt` is told in. Nothing is decided by it: that is Redis's own time. */
  readonly clock?: Clock | undefined
  /** Begins the name of every key. `auth:` by default, which is what the Redis account of this service is limited to. */
  readonly prefix?: string | undefined
  /** For tests alone: milliseconds by which the scripts take Redis's time to be later than it is. */
  readonly clockOffset?: (() => number) | undefined
}

/** Returns at once, whether Redis is there or not: until it is, everything throws StoreUnavailableError. */
export function openRedisStore(options: RedisStoreOptions): Store & AsyncDisposable {
  const { sealing, onTampered, clock = Date.now, prefix = 'auth:', clockOffset = () => 0 } = options
  const opened = openRedisConnection<ScriptedRedis>({ ...options, mark: `${prefix}mark` }, scripts)
  const connection = onKnownSchema(opened, `${prefix}schema`)
  const envelopes = createEnvelopes({ sealing, onTampered })
  const decisions = createRedisDecisions({ ...options, prefix })
  const target = options.connection
  const inOrder = typeof target === 'string' || target.kind !== 'cluster'
  const part = { connection, sealing, envelopes, clock, clockOffset, inOrder, prefix }
  const close = async () => {
    await Promise.all([connection.close(), decisions.close()])
  }

  return {
    shared: true,
    records: createRedisRecords(part),
    deviceCodes: createRedisDeviceCodes({ ...part, decisions }),
    attempts: createRedisAttempts(part),
    documents: createRedisDocuments(part),
    ping: () => connection.ping(),
    close,
    [Symbol.asyncDispose]: close,
  }
}
