// From settings to upstreams: one case for each way to reach a server.
import { SSEClientTransport, type Transport } from '@modelcontextprotocol/client'
import type { Clock } from '../catalog/contract.ts'
import type { CallerIdentity } from '../identity/index.ts'
import type { BuiltinUpstream, StdioUpstream, UpstreamSettings } from '../settings.ts'
import { type Connection, type OpenConnection, passedHeaders } from './connection.ts'
import type { Behalf } from './contract.ts'
import type { Identity } from './envelope.ts'
import { fetchOver } from './guarded-fetch.ts'
import { createGuardedHttp } from './guarded-http.ts'
import { createHttpOpener } from './http.ts'
import type { Inflow } from './inflow.ts'
import { createPool } from './pool.ts'
import type { SavedSessions } from './saved-sessions.ts'
import { createUpstream, type PooledUpstream } from './upstream.ts'
import { createWireOpener } from './wire.ts'

export interface OpenUpstreamOptions {
  /** How the gateway introduces itself. */
  readonly identity: Identity
  readonly proxies: Readonly<Record<string, string>> | undefined
  readonly clock: Clock
  readonly onerror: (upstream: string, error: Error) => void
  readonly inflow: Inflow
  /** Says who calls. By default nobody is told. */
  readonly identify?: CallerIdentity['valueFor'] | undefined
  /** Where other processes may go on with what this one began. */
  readonly sessions?: SavedSessions | undefined
  /** Starts a command. */
  readonly startProcess: (settings: StdioUpstream, inflow: Inflow) => Transport
  /** The demonstration. */
  readonly openBuiltin: (settings: BuiltinUpstream, onerror: (error: Error) => void) => OpenConnection
}

/** Of upstreams that are no processes. Sessions of owners, which cost their server something. */
const remotePool = { max: 1_000, mostEach: 64, idle: 1_800_000, lifetime: 86_400_000 }
/** Milliseconds for a command to say whether it knows 2026-07-28: an older one may say nothing at all. */
const probeLimit = 5_000
/** Milliseconds for a command to be there: `npx` may have to download it first. */
const startLimit = 60_000

export function openUpstream(settings: UpstreamSettings, options: OpenUpstreamOptions): PooledUpstream {
  const { identity, clock, inflow, proxies, identify } = options
  const { name } = settings
  const now = () => clock.now()
  const onerror = (error: Error): void => options.onerror(name, error)
  const bounds = settings.transport === 'stdio' ? settings.processes : remotePool
  const pool = (open: (key: string) => Promise<Connection>) => createPool({ ...bounds, name, open, clock, onerror })
  switch (settings.transport) {
    case 'http': {
      const http = createGuardedHttp({ settings, userAgent: userAgent(identity), proxies, inflow, identify, now })
      const open = createHttpOpener({
        settings,
        identity,
        http,
        sessions: options.sessions,
        onerror,
        clock: now,
      })
      return createUpstream({ settings, pool, open, onerror, close: http.close })
    }
    case 'sse': {
      const http = createGuardedHttp({ settings, userAgent: userAgent(identity), proxies, inflow, identify, now })
      const connect = (caller: () => Behalf, onfault: Parameters<typeof fetchOver>[1]) => {
        const fetch = fetchOver(http, onfault, caller)
        const headers = passedHeaders(settings, caller().headers)
        return new SSEClientTransport(new URL(settings.url), {
          fetch,
          eventSourceInit: { fetch: fetch as never },
          requestInit: { headers },
        })
      }
      const { list } = settings.timeouts
      const limits = { list, start: list, probe: list }
      const open = createWireOpener({ name, identity, limits, era: '2025', connect, onerror })
      return createUpstream({ settings, pool, open, onerror, close: http.close })
    }
    case 'stdio': {
      const limits = { list: settings.timeouts.list, start: startLimit, probe: probeLimit }
      const connect = () => options.startProcess(settings, inflow)
      const open = createWireOpener({ name, identity, limits, era: 'ask', connect, onerror })
      return createUpstream({ settings, pool, open, onerror })
    }
    case 'builtin':
      return createUpstream({ settings, pool, open: options.openBuiltin(settings, onerror), onerror })
  }
}

function userAgent({ name, version }: Identity): string {
  return `${name}/${version}`
}
