// URLs of the file. A query may hold a secret, so what is said of a URL never repeats it.
import { z } from 'zod'
import { isLoopbackHost } from '../loopback.ts'
import { faultOfPath } from '../own-paths.ts'

/** A protected resource: tokens and metadata name it byte for byte, so there is one spelling. */
export const resourceUrl = z.string('must be a URL').superRefine((value, context) => {
  const fault = faultOfResource(value)
  if (fault) context.addIssue({ code: 'custom', message: fault })
})

function faultOfResource(value: string): string | undefined {
  const url = URL.parse(value)
  if (!url || !/^https?:$/.test(url.protocol))
    return 'must be an http or https URL, such as https://mcp.example.com/mcp'
  if (url.username || url.password || /[?#]/.test(value)) return 'must have no user name, query or fragment'
  if (url.href !== value && url.href !== `${value}/`) {
    const bare = url.pathname === '/' && !value.endsWith('/')
    return `must be in its normal form: did you mean ${bare ? url.origin : url.href}?`
  }
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) return 'must be https unless it is a loopback address'
  return faultOfPath(url.pathname)
}

/** An upstream. Also plain http, and private addresses: it is the operator who names them. */
export const upstreamUrl = z.string('must be a URL').superRefine((value, context) => {
  const fault = faultOfUpstreamUrl(value)
  if (fault) context.addIssue({ code: 'custom', message: fault })
})

/** What is wrong with the URL of an upstream, without the URL; undefined: nothing. */
export function faultOfUpstreamUrl(value: string): string | undefined {
  const url = URL.parse(value)
  if (!url || !/^https?:$/.test(url.protocol))
    return 'must be an http or https URL, such as https://api.example.com/mcp'
  if (url.username || url.password)
    return 'must have no user name or password: a secret goes into credential, as { env: NAME } or { file: path }'
  return url.hash ? 'must have no fragment' : undefined
}

/** An authorization server, byte for byte as it calls itself (RFC 8414 §2): a secret goes there. */
export const issuerUrl = z.string('must be a URL').superRefine((value, context) => {
  const fault = faultOfIssuer(value)
  if (fault) context.addIssue({ code: 'custom', message: fault })
})

function faultOfIssuer(value: string): string | undefined {
  const url = URL.parse(value)
  if (!url || !/^https?:$/.test(url.protocol)) return 'must be an https URL, such as https://idp.example.com'
  if (url.username || url.password || /[?#]/.test(value)) return 'must have no user name, query or fragment'
  return isSafeForSecrets(url) ? undefined : 'must be https: plain http is for private and loopback addresses alone'
}

/** https, or an address that no request leaves a private network for. A name without a dot is one of a container's network. */
export function isSafeForSecrets(url: URL): boolean {
  if (url.protocol === 'https:') return true
  const { hostname } = url
  return (
    isLoopbackHost(hostname) ||
    !/[.:]/.test(hostname) ||
    /\.(localhost|internal|local|test)$/.test(hostname) ||
    /^(10\.\d+|192\.168|172\.(1[6-9]|2\d|3[01]))\.\d+\.\d+$/.test(hostname) ||
    /^\[f[cd]/.test(hostname)
  )
}

/** Whom a token is for (RFC 8707 §2). */
export const audienceUrl = z.string('must be a URL').superRefine((value, context) => {
  const url = URL.parse(value)
  const fault = !url
    ? 'must be an absolute URI, such as https://api.example.com/mcp'
    : url.username || url.password || value.includes('#')
      ? 'must have no user name and no fragment'
      : undefined
  if (fault) context.addIssue({ code: 'custom', message: fault })
})

/** Whether two URLs reach the same server at the same path. */
export function isSameAddress(one: string, other: string): boolean {
  const [first, second] = [comparable(one), comparable(other)]
  return first !== undefined && first === second
}

/** Whether a request can mean two resources: it names a host, a port perhaps, and a path, but neither http nor https. */
export function isSamePlace(one: string, other: string): boolean {
  const [first, second] = [URL.parse(one), URL.parse(other)]
  if (first === null || second === null || readable(first) !== readable(second)) return false
  return namesOf(first).some((name) => namesOf(second).includes(name))
}

/** The path as routers compare it: a letter is the same when it is encoded. */
function readable({ pathname }: URL): string {
  try {
    return decodeURI(pathname.replaceAll('%25', '%2525'))
  } catch {
    return pathname
  }
}

function namesOf({ host, hostname, port, protocol }: URL): readonly string[] {
  return [host, `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`]
}

function comparable(value: string): string | undefined {
  const url = URL.parse(value)
  if (!url) return undefined
  const host = isLoopbackHost(url.hostname) ? 'localhost' : url.hostname.replace(/\.$/, '')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return `${host}:${port}${url.pathname.replace(/\/+$/, '')}`
}
