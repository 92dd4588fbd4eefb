// Addresses of other servers in the settings of a login: https, or http to this machine.
import { isLoopbackHost } from '@gatehouse/shared'
import { z } from 'zod'

/** To append paths to: a trailing slash is taken away. */
export function baseUrl(example: string) {
  return z
    .string()
    .refine((value) => safeUrl(value) !== undefined, `must be an https URL, such as ${example}`)
    .overwrite((value) => value.replace(/\/+$/, ''))
}

const asWritten = 'must be an https URL, exactly as the provider writes its issuer'

/** An identifier that is compared byte for byte: it stays as it was written. */
export const issuerUrl = z.string(asWritten).refine((value) => {
  const url = safeUrl(value)
  return url && !url.username && !url.password
}, asWritten)

function safeUrl(value: string): URL | undefined {
  const url = URL.parse(value)
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname))
  return url && isSafe && !url.search && !url.hash ? url : undefined
}
