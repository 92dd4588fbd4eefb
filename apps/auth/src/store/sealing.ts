// What a store does with secrets before they reach a disk or another machine: values are sealed, ids are hashed, and
// what could be guessed (user codes, addresses) is hashed under a key. Everything comes from AUTH_SECRET; nothing here
// does I/O. What is sealed where is written in docs/storage-schema.md.

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { GatehouseError } from '../errors.ts'

/** Why a sealed value did not open. `unknown_key`: neither secret sealed it. `not_authentic`: moved or changed. */
export type SealFault = 'unknown_key' | 'not_authentic'

/** A stored value was sealed under another secret, was moved to another key or model, or was changed. */
export class SealBrokenError extends GatehouseError {
  readonly fault: SealFault
  constructor(fault: SealFault, cause?: unknown) {
    super(
      'seal_broken',
      'A stored value does not open: AUTH_SECRET is another one, or the value was moved or changed.',
      {
        cause,
      },
    )
    this.fault = fault
  }
}

export interface SealingOptions {
  /** AUTH_SECRET. Its strength is judged where the configuration is read, not here. */
  readonly secret: string
  /** AUTH_SECRET_PREVIOUS: still opens and finds, never seals. */
  readonly previous?: string | undefined
}

/** Newest first, never empty: what is written under the current secret, what may still be found under the previous one. */
export type Candidates<T> = readonly [T, ...T[]]

export interface Sealing {
  /** Encrypts JSON. The result opens for the same `kind` and `key` only. */
  seal(kind: string, key: string, value: unknown): Buffer
  /** Throws {@link SealBrokenError}. Does NOT notice an older value of the same key that was put back. */
  open(kind: string, key: string, sealed: Uint8Array): unknown
  /** Whether the current secret sealed it, rather than the previous one. */
  isCurrent(sealed: Uint8Array): boolean
  /** The name under which `id` is stored. For ids of at least 128 random bits: others can be guessed offline. */
  hashKey(kind: string, id: string): string
  /** The same for what can be guessed: needs the secret. */
  keyedHash(kind: string, value: string): Candidates<string>
  /** The index key of a normalised user code: 20^8 of them are searched in seconds without the secret. */
  userCodeKey(userCode: string): Candidates<string>
  /** 32 bytes for one purpose, such as signing cookies. Purposes that begin with `store:` are taken. */
  derive(purpose: string): Buffer
  deriveAll(purpose: string): Candidates<Buffer>
}

// A sealed value: format (1 byte), key id (4), nonce (12), ciphertext, tag (16).
const format = 1
const keyIdLength = 4
const nonceLength = 12
const tagLength = 16
const headerLength = 1 + keyIdLength + nonceLength

export function createSealing({ secret, previous }: SealingOptions): Sealing {
  const secrets: Candidates<string> = previous ? [secret, previous] : [secret]
  const deriveAll = (purpose: string) => mapCandidates(secrets, (each) => deriveKey(each, purpose))
  const valueKeys = mapCandidates(deriveAll('store:values'), (bytes) => {
    const key = createSecretKey(bytes)
    return { key, id: keyIdOf(key) }
  })
  // made when they are asked for: an answer that is sealed under its token needs none
  let indexKeys: Candidates<KeyObject> | undefined

  function keyedHash(kind: string, value: string): Candidates<string> {
    indexKeys ??= mapCandidates(deriveAll('store:indexes'), (key) => createSecretKey(key))
    return mapCandidates(indexKeys, (key) =>
      createHmac('sha256', key).update(contextOf(kind, value)).digest('base64url'),
    )
  }

  return {
    seal(kind, key, value) {
      const context = contextOf(kind, key)
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', recordKey(valueKeys[0].key, context), nonce).setAAD(context)
      const ciphertext = [cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]
      return Buffer.concat([Buffer.of(format), valueKeys[0].id, nonce, ...ciphertext, cipher.getAuthTag()])
    },

    open(kind, key, sealed) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      const found = valueKeys.find(({ id }) => isSealedUnder(bytes, id))
      if (!found) throw new SealBrokenError('unknown_key')
      const context = contextOf(kind, key)
      const nonce = bytes.subarray(headerLength - nonceLength, headerLength)
      try {
        const decipher = createDecipheriv('aes-256-gcm', recordKey(found.key, context), nonce, {
          authTagLength: tagLength,
        })
        decipher.setAAD(context).setAuthTag(bytes.subarray(-tagLength))
        const ciphertext = bytes.subarray(headerLength, -tagLength)
        return JSON.parse(Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8'))
      } catch (cause) {
        throw new SealBrokenError('not_authentic', cause)
      }
    },

    isCurrent(sealed) {
      return isSealedUnder(sealed, valueKeys[0].id)
    },

    hashKey(kind, id) {
      return hash('sha256', contextOf(kind, id), 'base64url')
    },

    keyedHash,

    userCodeKey(userCode) {
      return keyedHash('user-code', userCode)
    },

    derive(purpose) {
      return deriveKey(secret, purpose)
    },

    deriveAll,
  }
}

function deriveKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'gatehouse', purpose, 32))
}

/** Says which secret sealed a value, and nothing about the secret. */
function keyIdOf(key: KeyObject): Buffer {
  return createHmac('sha256', key).update('key-id').digest().subarray(0, keyIdLength)
}

/**
 * A key of each record's own: random nonces of one key are safe for 2^32 values only, of which a busy server writes more. As an
 * object: from bytes alone Node.js takes four times as long to begin.
 */
function recordKey(key: KeyObject, context: Buffer): KeyObject {
  return createSecretKey(createHmac('sha256', key).update(context).digest())
}

function contextOf(kind: string, key: string): Buffer {
  return Buffer.from(`${kind}\0${key}`, 'utf8')
}

function isSealedUnder(sealed: Uint8Array, keyId: Buffer): boolean {
  return (
    sealed.length >= headerLength + tagLength &&
    sealed[0] === format &&
    keyId.equals(sealed.subarray(1, 1 + keyIdLength))
  )
}

function mapCandidates<T, U>([first, ...rest]: Candidates<T>, map: (each: T) => U): Candidates<U> {
  return [map(first), ...rest.map(map)]
}
