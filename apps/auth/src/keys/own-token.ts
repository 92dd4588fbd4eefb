// Tells our own access tokens from anything else. For introspection; resource servers have packages/resource-guard.

import { type AccessTokenClaims, accessTokenClaims } from '@gatehouse/shared'
import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import { z } from 'zod'
import type { SigningKey } from './signing-keys.ts'

const ownClaims = accessTokenClaims.extend({ grant_id: z.string().optional() })

/** An access token of ours, and what it was issued under. */
export type OwnAccessToken = AccessTokenClaims & { readonly grant_id?: string | undefined }

/**
 * The claims of an RFC 9068 token that one of `keys` signed and that has not expired; undefined for everything else.
 * Does NOT check the audience, nor whether what it was issued under still stands.
 */
export async function readOwnToken(
  token: string,
  options: { keys: readonly SigningKey[]; issuer: string; now: number },
): Promise<OwnAccessToken | undefined> {
  const publicKeys = options.keys.filter(({ alg }) => alg === 'ES256').map(({ d: _, ...key }) => key)
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: publicKeys }), {
      issuer: options.issuer,
      algorithms: ['ES256'],
      typ: 'at+jwt',
      currentDate: new Date(options.now),
    })
    return ownClaims.safeParse(payload).data
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}
