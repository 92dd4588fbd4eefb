// Which era an upstream is of. It is asked once, in the words of 2026-07-28, and the verdict is remembered: some servers of
// the older era end at a question that they do not know.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Description, type Era, type Members, RpcError, UpstreamError } from './contract.ts'
import { type Identity, serverInfoIn, versions } from './envelope.ts'
import { SessionLostError } from './faults.ts'
import type { Peer, RequestTerms } from './peer.ts'

/** Undefined: it is of the older era, and has to be asked in its words. */
export async function discover(peer: Peer, terms: Omit<RequestTerms, 'era'>): Promise<Description | undefined> {
  try {
    const result = await peer.request({ method: 'server/discover' }, { ...terms, era: '2026' })
    return isModern(result)
      ? describe('2026', versions.modern, { serverInfo: serverInfoIn(result), ...result })
      : undefined
  } catch (error) {
    // An older server refuses the request, or cannot make anything of it: by a code, by a status, by ending.
    if (error instanceof RpcError || error instanceof SessionLostError) return undefined
    if (error instanceof UpstreamError && error.fault === 'invalid') return undefined
    throw error
  }
}

/** The handshake of the 2025 era. `protocolVersion` of what it returns is the one that the upstream chose. */
export async function initialize(
  peer: Peer,
  { setVersion, ...terms }: Omit<RequestTerms, 'era'> & { readonly setVersion: (version: string) => void },
  { identity, name }: { readonly identity: Identity; readonly name: string },
): Promise<Description> {
  const params = { protocolVersion: versions.legacy, capabilities: terms.capabilities, clientInfo: identity }
  const result = await peer.request({ method: 'initialize', params }, { ...terms, era: '2025' })
  if (typeof result.protocolVersion !== 'string') {
    throw new UpstreamError(
      name,
      'invalid',
      `${name} is no MCP server: its answer to initialize names no protocolVersion`,
    )
  }
  setVersion(result.protocolVersion)
  await within(name, terms.limit, peer.notify({ method: 'notifications/initialized' }))
  return describe('2025', result.protocolVersion, result)
}

/** For what has no limit of its own. */
export async function within<T>(name: string, limit: number, work: Promise<T>): Promise<T> {
  const late = new AbortController()
  const timeout = sleep(limit, undefined, { ref: false, signal: late.signal }).then(() => {
    throw new UpstreamError(name, 'timeout', `${name} did not answer within ${limit / 1000} s`)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    timeout.catch(() => undefined)
    late.abort()
  }
}

function isModern(result: Members): boolean {
  return Array.isArray(result.supportedVersions) && result.supportedVersions.includes(versions.modern)
}

function describe(era: Era, protocolVersion: string, result: Members): Description {
  const { capabilities, serverInfo, instructions } = result
  return {
    era,
    protocolVersion,
    capabilities: isMembers(capabilities) ? capabilities : {},
    serverInfo: isMembers(serverInfo) ? serverInfo : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
    hasSession: false,
  }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
