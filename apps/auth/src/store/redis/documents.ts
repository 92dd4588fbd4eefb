import type { DocumentStore } from '../contract.ts'
import { SealBrokenError } from '../sealing.ts'
import { createListing } from './listing.ts'
import type { RedisPartOptions } from './parts.ts'

export function createRedisDocuments(options: RedisPartOptions): DocumentStore {
  const { connection, sealing, envelopes, prefix } = options
  const list = createListing(options)
  const hashOf = (name: string) => sealing.hashKey('document', name)
  const keyOf = (hash: string) => `${prefix}document:${hash}`

  /** What was sealed under the previous secret is sealed again: nothing else ever writes a document again. */
  async function open(hash: string, sealed: Buffer): Promise<unknown> {
    const value = envelopes.openDocument(hash, sealed)
    if (!sealing.isCurrent(sealed)) {
      const renewed = envelopes.sealDocument(hash, value)
      await connection.write((redis) => redis.replaceDocument(keyOf(hash), sealed, renewed))
    }
    return value
  }

  async function find(hash: string): Promise<unknown> {
    const sealed = await connection.read((redis) => redis.getBuffer(keyOf(hash)))
    try {
      return sealed ? await open(hash, sealed) : undefined
    } catch (error) {
      if (error instanceof SealBrokenError) return undefined
      throw error
    }
  }

  return {
    get: (name) => find(hashOf(name)),

    async put(name, value) {
      const hash = hashOf(name)
      const sealed = envelopes.sealDocument(hash, value)
      await connection.write((redis) => redis.set(keyOf(hash), sealed))
    },

    // One that is there and does not open throws SealBrokenError: with a wrong AUTH_SECRET the signing keys would be
    // lost to new ones.
    async putIfAbsent(name, value) {
      const hash = hashOf(name)
      const sealed = envelopes.sealDocument(hash, value)
      const existing = await connection.write((redis) => redis.setBuffer(keyOf(hash), sealed, 'NX', 'GET'))
      return existing ? open(hash, existing) : value
    },

    async endWithin(name, time) {
      await connection.write((redis) => redis.endDocument(keyOf(hashOf(name)), Math.round(time)))
    },

    list: (page) => list('document:', page, find),
  }
}
