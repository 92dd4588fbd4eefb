// HTTP towards one upstream: its credential, another one once where that is refused, who calls, no redirect followed, no answer without end. Time is limited by those who ask, not
// here: a call may take minutes.
import type { FetchLike } from '@modelcontextprotocol/client'
import { EnvHttpProxyAgent, fetch, type RequestInit as UndiciInit } from 'undici'
import { openTokens } from '../credentials/index.ts'
import type { Caller, CallerIdentity } from '../identity/index.ts'
import type { RemoteUpstream } from '../settings.ts'
import { UpstreamError } from './contract.ts'
import type { Inflow, Reading } from './inflow.ts'
import { largestMessage } from './sizes.ts'

export interface GuardedFetchOptions {
  readonly settings: RemoteUpstream
  readonly userAgent: string
  /** HTTP_PROXY and its kin. */
  readonly proxies: Readonly<Record<string, string>> | undefined
  readonly inflow: Inflow
  /** By default nobody is told who calls. */
  readonly identify?: CallerIdentity['valueFor'] | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface GuardedFetch {
  /** `caller`: for whom each request is made. `onfault` is told what ends an answer that had begun: the SDK makes words of it. */
  fetchFor(onfault: (error: UpstreamError) => void, caller: () => Caller): FetchLike
  close(): Promise<void>
}

export function createGuardedFetch({
  settings,
  userAgent,
  proxies,
  inflow,
  identify,
  now,
}: GuardedFetchOptions): GuardedFetch {
  const { name, headers: secrets, identity, tls, timeouts } = settings
  const tokens = openTokens({ settings, userAgent, proxies, now })
  const connect = {
    timeout: timeouts.connect,
    ...(tls?.ca && { ca: tls.ca() }),
    ...(tls?.cert && { cert: tls.cert() }),
    ...(tls?.key && { key: tls.key() }),
  }
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxies?.HTTP_PROXY ?? '',
    httpsProxy: proxies?.HTTPS_PROXY ?? '',
    noProxy: proxies?.NO_PROXY ?? '',
    headersTimeout: 0,
    bodyTimeout: 0,
    connect,
    requestTls: connect, // the same through a proxy
  })

  async function send(
    url: string | URL,
    init: RequestInit,
    caller: Caller,
    token: string | undefined,
  ): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('user-agent', userAgent)
    for (const [header, read] of Object.entries(secrets)) headers.set(header, read())
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    if (identity) headers.delete(identity.header)
    if (identity && identify) headers.set(identity.header, await identify(settings, caller))
    const options = { ...init, headers, redirect: 'manual', dispatcher: agent } as unknown as UndiciInit
    return (await fetch(url, options)) as unknown as Response
  }

  /** A 401 says that nothing was done: it is sent once more, if there is another token. */
  async function authorized(url: string | URL, init: RequestInit, caller: Caller): Promise<Response> {
    const token = await tokens?.current()
    const response = await send(url, init, caller, token)
    if (response.status !== 401 || !tokens || token === undefined) return response
    const other = await tokens.renew(token).catch(async (error: unknown) => {
      await response.body?.cancel()
      throw error
    })
    if (other === undefined) return response
    await response.body?.cancel()
    return send(url, init, caller, other)
  }

  async function guarded(
    url: string | URL,
    init: RequestInit,
    caller: Caller,
    onfault: (error: UpstreamError) => void,
  ): Promise<Response> {
    const response = await authorized(url, init, caller)
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel()
      throw new UpstreamError(
        name,
        'invalid',
        `${name} answers with a redirect (HTTP ${response.status}), which is not followed: name the address itself`,
      )
    }
    return bounded(name, response, inflow.open(), onfault)
  }

  return {
    fetchFor: (onfault, caller) =>
      ((url: string | URL, init: RequestInit = {}) => guarded(url, init, caller(), onfault)) as FetchLike,
    async close() {
      await Promise.all([agent.destroy(), tokens?.close()])
    },
  }
}

/** Counts what belongs to one message: the body, or an event of a stream. */
function bounded(
  name: string,
  response: Response,
  reading: Reading,
  onfault: (error: UpstreamError) => void,
): Response {
  const { body, status, statusText, headers } = response
  if (!body) return response
  const isStream = headers.get('content-type')?.includes('text/event-stream') === true
  let bytes = 0
  let last = 0

  function count(chunk: Uint8Array): void {
    bytes += chunk.byteLength
    for (let at = 0; isStream && at < chunk.length; at += 1) {
      const byte = chunk[at] as number
      if (byte === 13) continue
      if (byte === 10 && last === 10) {
        bytes = chunk.length - at
        reading.done()
      }
      last = byte
    }
    if (bytes <= largestMessage) return
    const error = new UpstreamError(name, 'invalid', `${name} sent a message larger than 10 MB`)
    onfault(error)
    throw error
  }

  async function* counted(from: ReadableStream<Uint8Array>) {
    try {
      for await (const chunk of from) {
        await reading.take(chunk.byteLength)
        count(chunk)
        yield chunk
      }
    } finally {
      reading.done()
    }
  }
  return new Response(ReadableStream.from(counted(body)), { status, statusText, headers })
}
