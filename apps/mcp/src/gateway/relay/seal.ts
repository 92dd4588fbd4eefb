// What a client keeps for us and brings back: states of 2026-07-28, handles of parked calls, ids of tasks. Sealed, so that it
// can be neither read nor made up, and bound to whom it was given to: it opens for nobody else, and nowhere else.
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import type { Owner } from '../upstreams/contract.ts'

export interface Seals {
  /**
   * `kind` says what it is for: it opens as nothing else. `endsAt`: milliseconds since the epoch. What has no end is an id,
   * and is the same each time, so that a client knows it again: anyone who reads two of them sees that they are equal.
   */
  seal(kind: string, owner: Owner, value: unknown, endsAt?: number): string
  /** Undefined for what is not ours, not theirs, changed or too late: nobody is told which. */
  open(kind: string, owner: Owner, sealed: string): unknown
}

export interface SealsOptions {
  /** The first one seals; all open. At least 32 characters each. */
  readonly secrets: readonly [string, ...string[]]
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

const nonceLength = 12
const tagLength = 16
/** Characters. Longer ones are nobody's. */
const longestSealed = 16_384

export function createSeals({ secrets, clock }: SealsOptions): Seals {
  const keyFor = (secret: string, use: string) => createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', use, 32)))
  const keys = secrets.map((secret) => keyFor(secret, 'gatehouse gateway seals'))
  const nonceKey = keyFor(secrets[0], 'gatehouse gateway nonces of ids')

  return {
    seal(kind, owner, value, endsAt) {
      const text = JSON.stringify({ value, ...(endsAt !== undefined && { endsAt }) })
      const aad = context(kind, owner)
      // Made of all that is sealed: two values never have the same one.
      const nonceOfId = () => createHmac('sha256', nonceKey).update(aad).update('\0').update(text).digest()
      const nonce = endsAt === undefined ? nonceOfId().subarray(0, nonceLength) : randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', keys[0] as KeyObject, nonce).setAAD(aad)
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      )
    },

    open(kind, owner, sealed) {
      if (sealed.length > longestSealed) return undefined
      const bytes = Buffer.from(sealed, 'base64url')
      // Node reads over what is no base64url: one state had as many spellings as somebody likes, and counted as new in each
      if (bytes.length < nonceLength + tagLength || bytes.toString('base64url') !== sealed) return undefined
      for (const key of keys) {
        const { value, endsAt } = decrypt(key, context(kind, owner), bytes) ?? {}
        if (value !== undefined && (endsAt === undefined || clock() < endsAt)) return value
      }
      return undefined
    },
  }
}

function decrypt(key: KeyObject, aad: Buffer, bytes: Buffer): { value?: unknown; endsAt?: number } | undefined {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceLength), { authTagLength: tagLength })
    decipher.setAAD(aad).setAuthTag(bytes.subarray(-tagLength))
    const text = Buffer.concat([decipher.update(bytes.subarray(nonceLength, -tagLength)), decipher.final()])
    return JSON.parse(text.toString('utf8'))
  } catch {
    return undefined
  }
}

/** A session is not part of it: what a client was given it may bring back in another one. */
function context(kind: string, { endpoint, issuer, subject, clientId }: Owner): Buffer {
  return Buffer.from(JSON.stringify([kind, endpoint, issuer, subject, clientId]))
}
