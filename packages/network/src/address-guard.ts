import { lookup as systemLookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { hostOf, isPrivateName } from './addresses.ts'
import { ClientError } from './errors.ts'
import { isPublicAddress } from './public-address.ts'

const privateName = 'a name of private networks'

/** All addresses of a host name. */
export type Lookup = (host: string) => Promise<readonly string[]>

export const dnsLookup: Lookup = async (host) => (await systemLookup(host, { all: true })).map(({ address }) => address)

export interface AddressGuardOptions {
  readonly lookup: Lookup
  /** The address the person gave. If it is public, what it points at has to be public too. */
  readonly start: URL
  readonly allowPrivateAddresses?: boolean | undefined
}

/**
 * Refuses private addresses when `start` is public, with `unsafe_address`.
 *
 * Does NOT cover a name that changes its address between the look-up and the connection (DNS rebinding), nor one that
 * cannot be looked up here but by a proxy: of such names only those that belong to no public network are refused.
 */
export function createAddressGuard({ lookup, start, allowPrivateAddresses = false }: AddressGuardOptions) {
  const addressesOf = async (url: URL) => {
    const host = hostOf(url)
    const found = isIP(host) ? [host] : await lookup(host).catch(() => [])
    return found.length === 0 && isPrivateName(host) ? [privateName] : found
  }
  const isPrivate = (address: string) => address === privateName || !isPublicAddress(address)
  let startIsPublic: Promise<boolean> | undefined

  return async function refusePrivate(url: URL): Promise<void> {
    if (allowPrivateAddresses || url.host === start.host) return
    startIsPublic ??= addressesOf(start).then((all) => all.length === 0 || !all.every(isPrivate))
    if (!(await startIsPublic)) return
    const hidden = (await addressesOf(url)).find(isPrivate)
    if (hidden === undefined) return
    throw new ClientError('unsafe_address', `${start.host} points at an address inside a private network.`, {
      reason: `${url.host} is ${hidden}, which a public server has no business to send you to.`,
      hint: 'If that is your own network, add --allow-private-addresses.',
    })
  }
}
