import { lookup as systemLookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { ClientError } from '../errors.ts'
import { hostOf, isPrivateAddress } from './addresses.ts'

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
 * Refuses private addresses when `start` is public (K6), with `unsafe_address`.
 *
 * Does NOT cover a name that changes its address between the look-up and the connection (DNS rebinding), nor a proxy
 * that resolves names itself; a name that cannot be looked up is left for the connection to fail on.
 */
export function createAddressGuard({ lookup, start, allowPrivateAddresses = false }: AddressGuardOptions) {
  const addressesOf = async (url: URL) =>
    isIP(hostOf(url)) ? [hostOf(url)] : await lookup(hostOf(url)).catch(() => [])
  let startIsPublic: Promise<boolean> | undefined

  return async function refusePrivate(url: URL): Promise<void> {
    if (allowPrivateAddresses || url.host === start.host) return
    startIsPublic ??= addressesOf(start).then((all) => all.length === 0 || !all.every(isPrivateAddress))
    if (!(await startIsPublic)) return
    const hidden = (await addressesOf(url)).find(isPrivateAddress)
    if (hidden === undefined) return
    throw new ClientError('unsafe_address', `${start.host} points at an address inside a private network.`, {
      reason: `${url.host} is ${hidden}, which a public server has no business to send you to.`,
      hint: 'If that is your own network, add --allow-private-addresses.',
    })
  }
}
