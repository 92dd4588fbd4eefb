// One question to a server, and what came back, whatever it is: nothing here throws but being stopped.
import {
  type AddressGuardOptions,
  ClientError,
  createAddressGuard,
  type Fetch,
  networkError,
  readWhole,
  safeUrl,
} from '@gatehouse/network'
import { version } from './version.ts'

const answerSeconds = 15
const answerBytes = 128 * 1024
const mostRedirects = 3

export interface Answer {
  readonly answered: true
  readonly method: string
  /** The address that was asked. */
  readonly url: string
  /** Where redirects led, in order. */
  readonly redirects: readonly string[]
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; `undefined` where it is not one. */
  readonly json: unknown
  readonly seconds: number
}

/** No answer: the address is not safe to ask (`unsafe_address`), or nothing usable came (`unreachable`, …). */
export interface NoAnswer {
  readonly answered: false
  readonly method: string
  readonly url: string
  readonly problem: ClientError
}

export type Outcome = Answer | NoAnswer

export interface Question {
  readonly method?: 'GET' | 'POST' | 'OPTIONS' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export type Probe = (url: string, question?: Question) => Promise<Outcome>

export interface ProbeOptions extends AddressGuardOptions {
  readonly fetch: Fetch
  /** `now` in seconds since the epoch, with a fraction. */
  readonly clock: { now(): number }
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks addresses that servers named, under the client's rules: https or loopback http, nothing private when the
 * start is public. The address the person typed is asked as it is, http or not. GET follows redirects within these
 * rules. An event stream is not read.
 */
export function createProbe({ fetch, clock, signal, ...guard }: ProbeOptions): Probe {
  const refusePrivate = createAddressGuard(guard)

  async function check(address: string): Promise<URL> {
    const url = new URL(address).origin === guard.start.origin ? new URL(address) : safeUrl(address, 'metadata')
    await refusePrivate(url)
    return url
  }

  async function ask(
    url: URL,
    { method = 'GET', headers, body }: Question,
    redirects: readonly string[],
  ): Promise<Answer> {
    const began = clock.now()
    const limits = [AbortSignal.timeout(answerSeconds * 1000), ...(signal ? [signal] : [])]
    const response = await fetch(url.href, {
      method,
      headers: { 'user-agent': `gatehouse-doctor/${version}`, accept: 'application/json', ...headers },
      redirect: 'manual',
      signal: AbortSignal.any(limits),
      ...(body !== undefined && { body }),
    })
    const location = response.headers.get('location')
    if (method === 'GET' && isRedirect(response.status) && location && redirects.length < mostRedirects) {
      const next = URL.parse(location, url.href)
      if (next)
        return await ask(await check(next.href), { method, ...(headers && { headers }) }, [...redirects, next.href])
    }
    const text = await readText(url, response)
    const seconds = clock.now() - began
    return {
      answered: true,
      method,
      url: url.href,
      redirects,
      status: response.status,
      headers: response.headers,
      text,
      json: parse(text),
      seconds,
    }
  }

  return async function probe(address, question = {}) {
    const { method = 'GET' } = question
    try {
      return { ...(await ask(await check(address), question, [])), url: address }
    } catch (error) {
      signal?.throwIfAborted()
      const problem =
        error instanceof ClientError
          ? error
          : networkError(URL.parse(address) ?? guard.start, error, { seconds: answerSeconds })
      return { answered: false, method, url: address, problem }
    }
  }
}

async function readText(url: URL, response: Response): Promise<string> {
  if ((response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
    await response.body?.cancel()
    return ''
  }
  return await (await readWhole(url, response, answerBytes)).text()
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
