// An upstream: connections by owner, kept and ended by a pool; how long what may take; and what is tried again.

import { createDigests } from '../digest.ts'
import type { UpstreamSettings } from '../settings.ts'
import { type Connection, type OpenConnection, passedHeaders, type Terms } from './connection.ts'
import {
  type Behalf,
  type Members,
  type Notification,
  type Owner,
  RpcError,
  type Upstream,
  UpstreamError,
  type UpstreamRequest,
} from './contract.ts'
import { declaredTo } from './declared.ts'
import { SessionLostError } from './faults.ts'
import { reads } from './methods.ts'
import type { Pool } from './pool.ts'
import { createShares } from './shares.ts'

export interface UpstreamOptions {
  readonly settings: UpstreamSettings
  /** Makes the pool over what opens. */
  readonly pool: (open: (key: string) => Promise<Connection>) => Pool<Connection>
  readonly open: OpenConnection
  readonly onerror: (error: Error) => void
  readonly close?: () => Promise<unknown>
}

/** Keys of connections that are remembered. */
const mostKeys = 256
/** Milliseconds between attempts to listen again. */
const listenAgain = [1_000, 2_000, 5_000, 15_000, 30_000]

/** With what is to be known of its connections where each may be at one replica only. */
export interface PooledUpstream extends Upstream {
  /** Which connection a request needs. */
  keyOf(behalf: Behalf): string
  isOpen(key: string): boolean
  /** Ends connections, and nothing at the upstream: they are somebody else's to have. */
  reset(which: 'all' | 'unused'): Promise<void>
}

export function createUpstream({ settings, pool: poolOver, open, onerror, close }: UpstreamOptions): PooledUpstream {
  const { name, isolation, timeouts, concurrency } = settings
  /** Of all who wait for the same connection, the last one opens it for them. */
  const openers = new Map<string, { open: () => Promise<Connection>; waiting: number }>()
  const pool = poolOver((key) => {
    const opener = openers.get(key)
    if (!opener) throw new Error('nobody asked for this connection')
    return opener.open()
  })
  const ending = new AbortController()
  const keys = createKeys(settings)
  const shares = createShares(concurrency)

  async function within<T>(
    behalf: Behalf,
    run: (connection: Connection, capabilities: Members) => Promise<T>,
  ): Promise<T> {
    const capabilities = declaredFor(behalf)
    const key = keys(behalf, capabilities)
    // Not with the caller's own signal: others may wait for the same connection.
    const opener = {
      open: () => open({ ...behalf, signal: ending.signal }, capabilities, key),
      waiting: (openers.get(key)?.waiting ?? 0) + 1,
    }
    openers.set(key, opener)
    try {
      const work = (connection: Connection) => run(connection, capabilities)
      return await pool.use(key, work, personOf(behalf.owner), behalf.signal)
    } finally {
      const left = (openers.get(key)?.waiting ?? 1) - 1
      if (left > 0) openers.set(key, { ...opener, waiting: left })
      else openers.delete(key)
    }
  }

  const declaredFor = (behalf: Behalf): Members => declaredTo(settings, behalf)
  const keyOf = (behalf: Behalf): string => keys(behalf, declaredFor(behalf))

  /** As one of those that may be under way at once. */
  async function counted<T>(behalf: Behalf, work: () => Promise<T>): Promise<T> {
    const giveBack = shares.take(personOf(behalf.owner))
    if (!giveBack) {
      throw new UpstreamError(name, 'busy', `${name} is busy with as many requests as it may have at once`, {
        retryAfter: 1,
      })
    }
    try {
      return await work()
    } finally {
      giveBack()
    }
  }

  function request(wanted: UpstreamRequest, behalf: Behalf): Promise<Members> {
    return counted(behalf, () => attempt(wanted, isolation === 'shared' ? unasked(behalf) : behalf, true))
  }

  async function notify(notification: Notification, behalf: Behalf): Promise<void> {
    if (!pool.has(keyOf(behalf))) return
    await counted(behalf, () => within(behalf, (connection) => connection.notify(notification)))
  }

  async function attempt(wanted: UpstreamRequest, behalf: Behalf, again: boolean): Promise<Members> {
    let used: Connection | undefined
    try {
      return await within(behalf, async (connection, capabilities) => {
        used = connection
        return connection.request(wanted, behalf, { capabilities, ...termsOf(wanted.method) })
      })
    } catch (error) {
      const isLost = error instanceof SessionLostError
      const isOther = used?.description.era === '2026' && looksOlder(error)
      if (used && (isLost || isOther)) {
        await pool.forget(used)
        // What may have run is not run again: only what changes nothing, or what was not gone into for certain.
        if (again && (reads.has(wanted.method) || (isLost && error.isCertain))) return attempt(wanted, behalf, false)
      }
      if (!isLost) throw error
      const message = `${name} does not know its session any more (${error.message}): the call may have run`
      throw error.said ?? new UpstreamError(name, 'interrupted', message)
    }
  }

  function termsOf(method: string): Omit<Terms, 'capabilities'> {
    if (reads.has(method)) return { limit: method.endsWith('/list') ? timeouts.list : timeouts.call }
    return { limit: timeouts.call, idle: timeouts.idle }
  }

  return {
    settings,
    get open() {
      return pool.size
    },
    keyOf,
    isOpen: (key) => pool.has(key),
    reset: (which) => pool.reset(which),
    describe: (behalf) => within(behalf, async ({ description }) => description),
    request,
    notify,

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

/** Who may use one connection: by the file, and by what an upstream is told when it is opened. */
function createKeys(settings: UpstreamSettings): (behalf: Behalf, capabilities: Members) => string {
  const { isolation } = settings
  const digest = createDigests(mostKeys)
  return ({ owner, headers, granted }, capabilities) => {
    const caller = isolation === 'shared' ? '' : callerOf(owner)
    const session = isolation === 'session' ? (owner.session ?? '') : ''
    const told = 'forwardHeaders' in settings ? passedHeaders(settings, headers) : {}
    // one connection carries all: what is said of a caller on it is true of each call
    const scopes = settings.transport === 'sse' && settings.identity?.as === 'jwt' ? [...granted.scopes].sort() : []
    return digest([isolation, caller, session, told, capabilities, scopes])
  }
}

function callerOf({ endpoint, issuer, subject, clientId }: Owner): string {
  return JSON.stringify([endpoint, issuer, subject, clientId])
}

/** With how many clients ever. */
function personOf({ endpoint, issuer, subject }: Owner): string {
  return JSON.stringify([endpoint, issuer, subject])
}

/** What an upstream of the older era answers to a request of 2026-07-28: it was asked for its era some time ago. */
function looksOlder(error: unknown): boolean {
  if (error instanceof RpcError) return [-32_022, -32_000, -32_600].includes(error.code)
  return error instanceof UpstreamError && error.fault === 'invalid' && error.hasAnswered
}

/** On a connection of many callers only progress says whose it is: all else may be meant for another one. */
function unasked(behalf: Behalf): Behalf {
  return {
    ...behalf,
    hear: (notification) => void (notification.method === 'notifications/progress' && behalf.hear(notification)),
    ask: async () => {
      throw new RpcError(-32_601, 'Nobody can be asked over a connection that many share')
    },
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds).unref()
    signal.addEventListener('abort', end, { once: true })
  })
}
