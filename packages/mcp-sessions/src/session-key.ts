// What the id of a session is good for besides naming it. Its 256 random bits are known to the client alone: the store is
// given a hash to find the session by, and values sealed under a key that comes from the id. So a copy of the store opens
// no session and tells nothing of what was said in one, and this service needs no secret of its own.

import { createCipheriv, createDecipheriv, createHash, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import type { SessionKey } from './store/contract.ts'

export interface SealedBy {
  /** What the store finds the session by. */
  readonly key: SessionKey
  /** Encrypts JSON. The result opens for the same session and `kind` only. */
  seal(kind: string, value: unknown): Uint8Array
  /** Throws for what was changed, moved to another session or kind, or is not ours. */
  open(kind: string, sealed: Uint8Array): unknown
}

const idLength = 32
const nonceLength = 12
const tagLength = 16

export function newSessionId(): string {
  return randomBytes(idLength).toString('base64url')
}

/** Whether a text can be a session's id at all. */
export function isSessionId(text: string): boolean {
  return /^[\w-]{43}$/.test(text)
}

export function sealedBy(id: string): SealedBy {
  const key = createHash('sha256').update(`gatehouse session\0${id}`).digest('base64url')
  const secret = createSecretKey(Buffer.from(hkdfSync('sha256', id, 'gatehouse session', 'values', 32)))
  const context = (kind: string) => Buffer.from(`${key}\0${kind}`)
  return {
    key,

    seal(kind, value) {
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(context(kind))
      return Buffer.concat([nonce, cipher.update(JSON.stringify(value), 'utf8'), cipher.final(), cipher.getAuthTag()])
    },

    open(kind, sealed) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, nonceLength), {
        authTagLength: tagLength,
      })
      decipher.setAAD(context(kind)).setAuthTag(bytes.subarray(-tagLength))
      const text = Buffer.concat([decipher.update(bytes.subarray(nonceLength, -tagLength)), decipher.final()])
      return JSON.parse(text.toString('utf8'))
    },
  }
}
