// HTTP towards one upstream: its credential, another one once where that is refused, who calls, no redirect followed, no answer
// without end. Time is limited by those who ask, not here: a call may take minutes.
import { type Dispatcher, EnvHttpProxyAgent, interceptors } from 'undici'
import { openTokens } from '../credentials/index.ts'
import type { Caller, CallerIdentity } from '../identity/index.ts'
import type { RemoteUpstream } from '../settings.ts'
import { UpstreamError } from './contract.ts'
import type { Inflow } from './inflow.ts'
import { countMessages } from './message-bytes.ts'

export interface GuardedHttpOptions {
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

/** Where a request goes: a URL in the parts that a request names. */
export interface Target {
  readonly origin: string
  readonly path: string
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

export interface AnswerHead {
  readonly status: number
  readonly statusText: string
  /** The value of a header, by lower-case name. */
  header(name: string): string | undefined
}

/** Hears an answer: `head`, `data` as often as there is some, then `end`. `failed` may come at any time, and is the last. */
export interface AnswerReader {
  head(head: AnswerHead): void
  data(chunk: Buffer): void
  end(): void
  failed(error: Error): void
}

/** Ends a request that is under way; its reader hears `reason`. Without effect on one that is over. */
export type EndRequest = (reason: Error) => void

export interface GuardedHttp {
  /** `caller`: for whom it is made. */
  send(target: Target, request: HttpRequest, caller: Caller, reader: AnswerReader): EndRequest
  close(): Promise<void>
}

export function targetOf(url: string | URL): Target {
  const { origin, pathname, search } = new URL(url)
  return { origin, path: `${pathname}${search}` }
}

export function createGuardedHttp({
  settings,
  userAgent,
  proxies,
  inflow,
  identify,
  now,
}: GuardedHttpOptions): GuardedHttp {
  const { name, url, headers: secrets, identity, tls, timeouts } = settings
  const tokens = openTokens({ settings, userAgent, proxies, now })
  const own = {
    'user-agent': userAgent,
    'accept-encoding': new URL(url).protocol === 'https:' ? 'br, gzip, deflate' : 'gzip, deflate',
  }
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
  const dispatcher = agent.compose(interceptors.decompress({ skipErrorResponses: false }))

  function headersFor(given: HttpRequest['headers'], token: string | undefined): Record<string, string> {
    const headers: Record<string, string> = { ...own, ...given }
    for (const header of Object.keys(secrets)) headers[header] = secrets[header]?.().trim() ?? ''
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    if (identity) delete headers[identity.header]
    return headers
  }

  function send(target: Target, request: HttpRequest, caller: Caller, reader: AnswerReader): EndRequest {
    let ended: Error | undefined
    let controller: Dispatcher.DispatchController | undefined
    let isOver = false

    function fail(error: Error): void {
      if (isOver) return
      isOver = true
      reader.failed(error)
    }

    /** `renew`: what to do where the token is refused. */
    function attempt(headers: Record<string, string>, renew?: () => Promise<boolean>): void {
      const { method, body = null } = request
      const reading = inflow.open()
      let count: (chunk: Buffer) => void = () => undefined
      let isRefused = false
      const take = (chunk: Buffer): void => {
        count(chunk)
        reader.data(chunk)
      }
      const options = { ...target, method, headers, body }
      dispatcher.dispatch(options, {
        onRequestStart(its) {
          controller = its
          if (ended) its.abort(ended)
        },
        onResponseStart(its, status, headers, statusText = '') {
          if (status < 200) return
          if (status >= 300 && status < 400) throw redirected(name, status)
          const header = (name: string) => textOf(headers[name])
          if (status === 401 && renew) {
            isRefused = true
            void again(renew, its, { status, statusText, header })
            return
          }
          count = countMessages(name, header('content-type')?.includes('text/event-stream') === true, reading)
          reader.head({ status, statusText, header })
        },
        onResponseData(its, chunk) {
          if (isRefused) return
          const room = reading.take(chunk.byteLength)
          if (!room) return take(chunk)
          its.pause()
          room
            .then(() => {
              if (!isOver) take(chunk)
              its.resume()
            })
            .catch((error: Error) => its.abort(error))
        },
        onResponseEnd() {
          reading.done()
          if (isRefused || isOver) return
          isOver = true
          reader.end()
        },
        onResponseError(_its, error) {
          reading.done()
          if (!isRefused) fail(error)
        },
      })
    }

    /** A 401 says that nothing was done: it is sent once more, if there is another token. */
    async function again(renew: () => Promise<boolean>, refused: Dispatcher.DispatchController, head: AnswerHead) {
      try {
        const isSent = await renew()
        if (isSent || isOver) return
        isOver = true
        reader.head(head)
        reader.end()
      } catch (error) {
        fail(error as Error)
      } finally {
        refused.abort(new Error('The answer is of no use'))
      }
    }

    async function begin(): Promise<void> {
      const token = await tokens?.current()
      const headersWith = async (token: string | undefined) => {
        const headers = headersFor(request.headers, token)
        if (identity && identify) headers[identity.header] = await identify(settings, caller)
        return headers
      }
      const headers = await headersWith(token)
      if (isOver) return
      const renew = async (): Promise<boolean> => {
        const other = token === undefined ? undefined : await tokens?.renew(token)
        if (other === undefined || isOver) return false
        attempt(await headersWith(other))
        return true
      }
      attempt(headers, token === undefined ? undefined : renew)
    }

    if (tokens || identity) begin().catch(fail)
    else {
      try {
        attempt(headersFor(request.headers, undefined))
      } catch (error) {
        fail(error as Error)
      }
    }
    return (reason) => {
      ended = reason
      controller?.abort(reason)
      fail(reason)
    }
  }

  return {
    send,
    async close() {
      await Promise.all([agent.destroy(), tokens?.close()])
    },
  }
}

function redirected(name: string, status: number): UpstreamError {
  const message = `${name} answers with a redirect (HTTP ${status}), which is not followed: name the address itself`
  return new UpstreamError(name, 'invalid', message)
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
