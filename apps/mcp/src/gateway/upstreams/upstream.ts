// An upstream: connections by owner, kept and ended by a pool; how long what may take; and what is tried again.
import type { Isolation, UpstreamSettings } from '../settings.ts'
import type { Connection, OpenConnection, Terms } from './connection.ts'
import {
  type Behalf,
  type Members,
  type Owner,
  RpcError,
  type Upstream,
  UpstreamError,
  type UpstreamRequest,
} from './contract.ts'
import { SessionLostError } from './faults.ts'
import { mirrored } from './negotiate.ts'
import type { Pool } from './pool.ts'

export interface UpstreamOptions {
  readonly settings: UpstreamSettings
  /** Makes the pool over what opens. */
  readonly pool: (open: (key: string) => Promise<Connection>) => Pool<Connection>
  readonly open: OpenConnection
  readonly onerror: (error: Error) => void
  readonly close?: () => Promise<unknown>
}

/** Milliseconds between attempts to listen again. */
const listenAgain = [1_000, 2_000, 5_000, 15_000, 30_000]

export function createUpstream({ settings, pool: poolOver, open, onerror, close }: UpstreamOptions): Upstream {
  const { name, isolation, questions, timeouts, concurrency } = settings
  /** Whoever asks first opens for all who wait for the same. */
  const openers = new Map<string, () => Promise<Connection>>()
  const pool = poolOver((key) => {
    const opener = openers.get(key)
    if (!opener) throw new Error('nobody asked for this connection')
    return opener()
  })
  const ending = new AbortController()
  let underWay = 0

  async function within<T>(
    behalf: Behalf,
    run: (connection: Connection, capabilities: Members) => Promise<T>,
  ): Promise<T> {
    const capabilities = declaredFor(behalf)
    const key = keyOf(behalf.owner, isolation, capabilities)
    // Not with the caller's own signal: others may wait for the same connection.
    openers.set(key, () => open({ ...behalf, signal: ending.signal }, capabilities))
    try {
      return await pool.use(key, (connection) => run(connection, capabilities))
    } finally {
      openers.delete(key)
    }
  }

  /** A process of many callers is told of nobody's capabilities: its questions could reach another. */
  function declaredFor(behalf: Behalf): Members {
    const all = mirrored(behalf, questions)
    if (isolation !== 'shared') return all
    const { elicitation: _e, sampling: _s, roots: _r, ...rest } = all
    return rest
  }

  async function request(wanted: UpstreamRequest, behalf: Behalf): Promise<Members> {
    if (underWay >= concurrency) {
      throw new UpstreamError(name, 'busy', `${name} is busy with as many requests as it may have at once`, {
        retryAfter: 1,
      })
    }
    underWay += 1
    try {
      return await attempt(wanted, behalf, true)
    } finally {
      underWay -= 1
    }
  }

  async function attempt(wanted: UpstreamRequest, behalf: Behalf, again: boolean): Promise<Members> {
    let used: Connection | undefined
    try {
      return await within(behalf, async (connection, capabilities) => {
        used = connection
        return connection.request(wanted, behalf, { capabilities, ...termsOf(wanted.method) })
      })
    } catch (error) {
      // Neither was gone into: the session was not known, or the version was not.
      const isRefused = error instanceof SessionLostError || (error instanceof RpcError && error.code === -32_022)
      if (isRefused && again && used) {
        await pool.forget(used)
        return attempt(wanted, behalf, false)
      }
      if (error instanceof SessionLostError)
        throw new UpstreamError(name, 'invalid', `${name} answered with ${error.message}`)
      throw error
    }
  }

  function termsOf(method: string): Omit<Terms, 'capabilities'> {
    if (/\/(list|get|read|subscribe|unsubscribe|complete)$/.test(method) && method !== 'tools/call') {
      return { limit: method.endsWith('/list') ? timeouts.list : timeouts.call }
    }
    return { limit: timeouts.call, idle: timeouts.idle }
  }

  return {
    settings,
    describe: (behalf) => within(behalf, async ({ description }) => description),
    request,
    notify: (notification, behalf) => within(behalf, (connection) => connection.notify(notification)),

    listen(behalf, resources, hear) {
      const stop = new AbortController()
      const signal = AbortSignal.any([stop.signal, ending.signal])
      void (async () => {
        for (let failures = 0; !signal.aborted; failures += 1) {
          const listening = within(behalf, (connection) =>
            connection.listen(resources, hear, signal, () => {
              failures = 0
            }),
          )
          await listening.catch((error: Error) => void (signal.aborted || onerror(error)))
          if (!signal.aborted) await pause(listenAgain[Math.min(failures, listenAgain.length - 1)] ?? 30_000, signal)
        }
      })()
      return () => stop.abort()
    },

    async close() {
      ending.abort()
      await pool.close()
      await close?.()
    },
  }
}

function keyOf(
  { endpoint, issuer, subject, clientId, session }: Owner,
  isolation: Isolation,
  capabilities: Members,
): string {
  if (isolation === 'shared') return JSON.stringify([capabilities])
  const owner = [endpoint, issuer, subject, clientId]
  return JSON.stringify([...owner, isolation === 'session' ? (session ?? '') : '', capabilities])
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds).unref()
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
