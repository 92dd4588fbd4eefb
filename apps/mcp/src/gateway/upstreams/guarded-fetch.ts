// HTTP towards one upstream: its credential, no redirect followed, no answer without end. Time is limited by whoever asks, not
// here: a call may take minutes.
import type { FetchLike } from '@modelcontextprotocol/client'
import { EnvHttpProxyAgent, fetch, type RequestInit as UndiciInit } from 'undici'
import type { RemoteUpstream } from '../settings.ts'
import { UpstreamError } from './contract.ts'
import { largestMessage } from './sizes.ts'

export interface GuardedFetchOptions {
  readonly settings: RemoteUpstream
  readonly userAgent: string
  /** HTTP_PROXY and its kin. */
  readonly proxies: Readonly<Record<string, string>> | undefined
}

export interface GuardedFetch {
  /** `onfault` is told what ends an answer that had begun: the SDK makes words of it. */
  fetchFor(onfault: (error: UpstreamError) => void): FetchLike
  close(): Promise<void>
}

export function createGuardedFetch({ settings, userAgent, proxies = {} }: GuardedFetchOptions): GuardedFetch {
  const { name, headers: secrets, tls, timeouts } = settings
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxies.HTTP_PROXY ?? '',
    httpsProxy: proxies.HTTPS_PROXY ?? '',
    noProxy: proxies.NO_PROXY ?? '',
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: timeouts.connect,
      ...(tls?.ca && { ca: tls.ca() }),
      ...(tls?.cert && { cert: tls.cert() }),
      ...(tls?.key && { key: tls.key() }),
    },
  })

  async function guarded(
    url: string | URL,
    init: RequestInit,
    onfault: (error: UpstreamError) => void,
  ): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('user-agent', userAgent)
    for (const [header, read] of Object.entries(secrets)) headers.set(header, read())
    const options = { ...init, headers, redirect: 'manual', dispatcher: agent } as unknown as UndiciInit
    const response = (await fetch(url, options)) as unknown as Response
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel()
      throw new UpstreamError(
        name,
        'invalid',
        `${name} answers with a redirect (HTTP ${response.status}), which is not followed: name the address itself`,
      )
    }
    return bounded(name, response, onfault)
  }

  return {
    fetchFor: (onfault) => ((url: string | URL, init: RequestInit = {}) => guarded(url, init, onfault)) as FetchLike,
    close: () => agent.destroy(),
  }
}

/** Counts what belongs to one message: the body, or an event of a stream. */
function bounded(name: string, response: Response, onfault: (error: UpstreamError) => void): Response {
  if (!response.body) return response
  const isStream = response.headers.get('content-type')?.includes('text/event-stream') === true
  let bytes = 0
  let last = 0
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength
      if (isStream) {
        for (let at = 0; at < chunk.length; at += 1) {
          const byte = chunk[at] as number
          if (byte === 13) continue
          if (byte === 10 && last === 10) bytes = chunk.length - at
          last = byte
        }
      }
      if (bytes > largestMessage) {
        const error = new UpstreamError(name, 'invalid', `${name} sent a message larger than 10 MB`)
        onfault(error)
        controller.error(error)
      } else controller.enqueue(chunk)
    },
  })
  const { status, statusText, headers } = response
  return new Response(response.body.pipeThrough(count), { status, statusText, headers })
}
