// Fetches a document from an address that a stranger chose, from inside our network: to public addresses alone, judged
// at the moment of connecting (a name that resolves again to something else gains nothing), over https, without following
// redirects, in bounded time and size. It does NOT judge what is in the document. Where a proxy stands on the way, it is
// the proxy that finds the address of a name: then only names that are private by themselves are refused here.
import type { LookupAddress } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isPublicAddress, readBounded } from '@gatehouse/network'
import { createNameResolver, type ResolveName } from './resolve-name.ts'

const timeoutMs = 2_500
const sizeLimit = 16 * 1024
/** Names without a dot, and those that mean something else in each network: RFC 6762, RFC 8375, ICANN's .internal, and custom. */
const inside = /^[^.]*\.?$|\.(localhost|local|internal|intranet|private|corp|home|lan|home\.arpa)\.?$/

export interface FetchedDocument {
  readonly text: string
  /** Of Cache-Control max-age, in seconds. */
  readonly maxAge: number | undefined
}

/** Why there is no document, in words that may be shown to the one who asked for it. */
export class DocumentFetchError extends Error {
  /** `refused`: asking again changes nothing until the document's owner does. */
  readonly kind: 'refused' | 'unreachable'
  constructor(kind: 'refused' | 'unreachable', message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

export interface SafeFetchOptions {
  /** Host names whose documents may come from private addresses. They are resolved as this machine does it. */
  readonly privateHosts: ReadonlySet<string>
  /** For every other host. By default the name servers of this machine. */
  readonly resolveName?: ResolveName
  /** As Node's agents take them: for every host but those of `privateHosts` and of its own `NO_PROXY`. */
  readonly proxies?: Readonly<Record<string, string>> | undefined
}

/** Throws {@link DocumentFetchError}. */
export async function fetchDocument(
  url: URL,
  { privateHosts, resolveName = createNameResolver(), proxies }: SafeFetchOptions,
): Promise<FetchedDocument> {
  const mayBePrivate = privateHosts.has(url.hostname)
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  // look-ups are for names alone: an address in the URL is judged here, and so is what always means this machine (RFC 6761 §6.3)
  const own = proxies ? inside : /(^|\.)localhost$/
  const isOwn = isIP(literal) ? !isPublicAddress(literal) : own.test(literal)
  if (isOwn && !mayBePrivate) throw privateAddress()
  const signal = AbortSignal.timeout(timeoutMs)
  const response = await connect(url, {
    lookup: mayBePrivate ? undefined : lookupPublic(resolveName, signal),
    // a proxy is reached by a look-up of its own, and whom NO_PROXY names by ours
    agent: proxies && !mayBePrivate ? new Agent({ proxyEnv: { ...proxies } }) : false,
    signal,
  })
  const { statusCode, headers } = response
  const refuse = (why: string) => {
    response.destroy()
    return new DocumentFetchError(isPassing(statusCode ?? 0) ? 'unreachable' : 'refused', why)
  }
  if (statusCode !== 200) throw refuse(`the document's address answers with HTTP ${statusCode}`)
  if (headers['content-encoding'] && headers['content-encoding'] !== 'identity')
    throw refuse('the document is compressed')
  if (!/^application\/([\w.-]+\+)?json\b/i.test(headers['content-type'] ?? '')) throw refuse('the document is not JSON')
  const maxAge = /(?:^|[\s,])max-age=(\d{1,9})/.exec(headers['cache-control'] ?? '')?.[1]
  return { text: await readText(response), maxAge: maxAge === undefined ? undefined : Number(maxAge) }
}

/** Statuses that say nothing about the document: come back later. */
function isPassing(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status)
}

/** For a connection: an address of the name, if all that it has are public. */
function lookupPublic(resolveName: ResolveName, signal: AbortSignal): LookupFunction {
  return (hostname, { all }, done) => {
    resolveName(hostname, signal)
      .then((addresses) => {
        const [first] = addresses
        if (first === undefined || !addresses.every(isPublicAddress)) throw privateAddress()
        return all ? done(null, addresses.map(withFamily)) : done(null, first, withFamily(first).family)
      })
      .catch((error: Error) => done(error, '', 0))
  }
}

function withFamily(address: string): LookupAddress {
  return { address, family: isIP(address) }
}

function privateAddress(): DocumentFetchError {
  return new DocumentFetchError('refused', "the document's address is not on the public internet")
}

async function connect(
  url: URL,
  { lookup, agent, signal }: { lookup: LookupFunction | undefined; agent: Agent | false; signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((done, fail) => {
    const outgoing = request(url, {
      signal,
      ...(lookup && { lookup }),
      agent,
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'gatehouse' },
    })
    outgoing.on('response', done)
    outgoing.on('error', (error) => fail(error instanceof DocumentFetchError ? error : unreachable(error)))
    outgoing.end()
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  const tooMuch = () => new DocumentFetchError('refused', `the document has more than ${sizeLimit} bytes`)
  try {
    return (await readBounded(response, sizeLimit, tooMuch)).toString('utf8')
  } catch (error) {
    throw error instanceof DocumentFetchError ? error : unreachable(error)
  }
}

function unreachable(cause: unknown): DocumentFetchError {
  return new DocumentFetchError('unreachable', "the document's address does not answer", { cause })
}
