// The proxies on the way out that the environment names, as other programs read it: HTTP_PROXY, HTTPS_PROXY, NO_PROXY.
//
// This folder reads what the environment says of requests. They are sent by packages/network.
import { ClientError, type Fetch, networkError } from '@gatehouse/network'
import { type Environment, isLoopbackHost } from '@gatehouse/shared'

export interface Proxies {
  /** For http, and for https where that has none of its own. */
  readonly http: string | undefined
  readonly https: string | undefined
  /** Hosts that are asked directly, with everything below them, separated by commas or spaces; `*`: all. */
  readonly except: string
}

/** The proxies of an environment, lower case first; `undefined`: no proxy. Throws a usage error that shows no password. */
export function readProxies(env: Environment): Proxies | undefined {
  const http = readProxy(env, 'HTTP_PROXY')
  const https = readProxy(env, 'HTTPS_PROXY')
  if (http === undefined && https === undefined) return undefined
  return { http, https, except: env.no_proxy || env.NO_PROXY || '' }
}

function readProxy(env: Environment, name: string): string | undefined {
  const value = (env[name.toLowerCase()] || env[name])?.trim()
  if (!value) return undefined
  const url = URL.parse(value.includes('://') ? value : `http://${value}`)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href
  throw new ClientError('usage', `${name} names no proxy that this app can use.`, {
    reason: 'It has to be the address of an HTTP proxy.',
    hint: `Set it to the like of http://proxy.example:3128, or unset it.`,
  })
}

/**
 * A fetch that goes through the proxies, and `direct` to this computer: never is it a proxy that `http://127.0.0.1` means.
 * Which names a proxy resolves, and to what, is not seen from here: see address-guard.ts.
 */
export function createProxiedFetch({ http, https, except }: Proxies, direct: Fetch): Fetch {
  let proxied: Promise<Fetch> | undefined
  return async function proxiedFetch(url, init) {
    if (isLoopbackHost(new URL(url).hostname)) return await direct(url, init)
    proxied ??= loadUndici({ httpProxy: http ?? '', httpsProxy: https ?? '', noProxy: except })
    const fetch = await proxied
    try {
      return await fetch(url, init)
    } catch (error) {
      init?.signal?.throwIfAborted()
      throw networkError(new URL(url), error, {
        hint: 'Check the address, and the proxy that HTTP_PROXY or HTTPS_PROXY names; NO_PROXY names hosts that need none.',
      })
    }
  }
}

/**
 * What Node's own fetch is made of: that takes proxies for the whole process only, and cannot leave out 127.0.0.0/8. Only
 * loaded where there is a proxy, for the quarter of a second that it takes.
 */
async function loadUndici(options: { httpProxy: string; httpsProxy: string; noProxy: string }): Promise<Fetch> {
  const { EnvHttpProxyAgent, fetch } = await import('undici')
  const dispatcher = new EnvHttpProxyAgent(options)
  return async (url, init) => (await fetch(url, { ...(init as object), dispatcher })) as unknown as Response
}
