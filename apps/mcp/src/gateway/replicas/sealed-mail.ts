// What replicas say to one another, sealed: the store that carries it can neither read nor change it. It does not hide who
// writes to whom, how much and when; and anyone who has the secret is a replica.
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

export interface SealedMail {
  /** `context`: what it opens with again, and with nothing else. */
  seal(context: string, value: Uint8Array): Uint8Array
  /** Undefined for what was changed, or is not ours. */
  open(context: string, sealed: Uint8Array): Buffer | undefined
  /** A name for something that must not be told: the same for all who have the secret. */
  nameOf(what: string): string
}

const nonceLength = 12
const tagLength = 16

/** The first secret seals; all open. */
export function createSealedMail(secrets: readonly string[]): SealedMail {
  const keys = secrets.map((secret) =>
    createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'gatehouse replicas', 32))),
  )

  function decrypt(key: KeyObject, aad: Buffer, sealed: Buffer): Buffer | undefined {
    try {
      const nonce = sealed.subarray(0, nonceLength)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength }).setAAD(aad)
      decipher.setAuthTag(sealed.subarray(-tagLength))
      return Buffer.concat([decipher.update(sealed.subarray(nonceLength, -tagLength)), decipher.final()])
    } catch {
      return undefined
    }
  }

  return {
    nameOf: (what) =>
      createHmac('sha256', keys[0] as KeyObject)
        .update(what)
        .digest('base64url'),
    seal(context, value) {
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', keys[0] as KeyObject, nonce).setAAD(Buffer.from(context))
      return Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()])
    },
    open(context, sealed) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      for (const key of keys) {
        const value = decrypt(key, Buffer.from(context), bytes)
        if (value) return value
      }
      return undefined
    },
  }
}
