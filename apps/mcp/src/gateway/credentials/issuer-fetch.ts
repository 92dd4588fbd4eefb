// HTTP towards the authorization server of an upstream: through the proxy of the process, with the authorities of the upstream's
// `tls` besides Node's own, no redirect followed, no answer without end.
import { getCACertificates } from 'node:tls'
import { readBounded } from '@gatehouse/network'
import type { CustomFetch } from 'openid-client'
import { EnvHttpProxyAgent, fetch, type RequestInit as UndiciInit } from 'undici'
import type { ReadSecret } from '../settings.ts'

export interface IssuerFetchOptions {
  /** HTTP_PROXY and its kin. */
  readonly proxies: Readonly<Record<string, string>> | undefined
  readonly userAgent: string
  /** PEM. */
  readonly ca: ReadSecret | undefined
  /** Milliseconds. */
  readonly connectLimit: number
}

export interface IssuerFetch {
  readonly fetch: CustomFetch
  close(): Promise<void>
}

/** Bytes. */
const largestAnswer = 1_048_576

export function createIssuerFetch({ proxies = {}, userAgent, ca, connectLimit }: IssuerFetchOptions): IssuerFetch {
  const connect = { timeout: connectLimit, ...(ca && { ca: [...getCACertificates('default'), ca()] }) }
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxies.HTTP_PROXY ?? '',
    httpsProxy: proxies.HTTPS_PROXY ?? '',
    noProxy: proxies.NO_PROXY ?? '',
    connect,
    requestTls: connect, // the same through a proxy
  })

  return {
    async fetch(url, { signal, ...init }) {
      const headers = new Headers(init.headers as Record<string, string>)
      headers.set('user-agent', userAgent)
      const options = { ...init, headers, redirect: 'manual', dispatcher: agent, ...(signal && { signal }) }
      const response = await fetch(url, options as unknown as UndiciInit)
      const { status, statusText } = response
      const body = await readBounded(response.body, largestAnswer, () => new Error('an answer larger than 1 MB'))
      return new Response(body.length > 0 ? body : null, {
        status,
        statusText,
        headers: [...response.headers] as [string, string][],
      })
    },
    close: () => agent.destroy(),
  }
}
