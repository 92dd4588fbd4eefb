// The way out, where it is through a proxy: the variables that other programs read as well.
import http from 'node:http'
import type { Environment } from '@gatehouse/shared'

/** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, as Node's agents take them. Secret: there may be passwords in them. */
export type Proxies = Readonly<Record<string, string>>

/** This machine is never asked through a proxy. */
const own = ['localhost', '127.0.0.1', '[::1]', '::1']

/**
 * Undefined if it is missing. Small letters count before capitals. What is no address of a proxy goes into `faults`, without
 * its value.
 */
export function readProxies(env: Environment, faults: string[]): Proxies | undefined {
  const read = (name: string) => env[name.toLowerCase()] || env[name] || undefined
  const proxies: Record<string, string> = {}
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) {
    const value = read(name)
    if (value === undefined) continue
    const url = URL.parse(value.includes('://') ? value : `http://${value}`)
    if (url && /^https?:$/.test(url.protocol)) proxies[name] = url.href
    else faults.push(`${name} must be the address of an HTTP proxy, such as http://proxy.example.com:3128.`)
  }
  if (Object.keys(proxies).length === 0) return undefined
  if (typeof http.setGlobalProxyFromEnv !== 'function')
    faults.push(`HTTP_PROXY and HTTPS_PROXY need a newer Node.js than ${process.version}.`)
  return { ...proxies, NO_PROXY: [...own, read('NO_PROXY')].filter(Boolean).join(',') }
}

/** All that this process asks by `fetch` goes that way from now on. Returns how to undo that. */
export function useProxies(proxies: Proxies | undefined): () => void {
  return proxies ? http.setGlobalProxyFromEnv({ ...proxies }) : () => undefined
}
