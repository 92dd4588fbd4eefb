// What an upstream says of a person that decides nothing: for apps that may know it. Pure.
import type { IdentityProfile } from './identity.ts'

const atMost = { text: 100, address: 2_048 }

/** By the names of OpenID Connect Core §5.1. Whatever is no text, or no https address, is left out. */
export function profileOf(claims: Readonly<Record<string, unknown>>): IdentityProfile {
  const name = text(claims.name)
  const username = text(claims.preferred_username)
  const picture = address(claims.picture)
  return { ...(name && { name }), ...(username && { username }), ...(picture && { picture }) }
}

function text(value: unknown): string | undefined {
  if (typeof value !== 'string' || !value.isWellFormed() || /\p{Cc}/u.test(value)) return undefined
  return value.trim().slice(0, atMost.text).toWellFormed() || undefined
}

function address(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > atMost.address) return undefined
  const url = URL.parse(value)
  return url?.protocol === 'https:' && !url.username && !url.password ? url.href : undefined
}
