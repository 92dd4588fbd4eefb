// What is open to an upstream for one owner, of whichever era and transport.
import type { RemoteUpstream } from '../settings.ts'
import type { Behalf, Description, Members, Notification, UpstreamRequest } from './contract.ts'

export interface Terms {
  /** What is declared to the upstream. */
  readonly capabilities: Members
  /** Milliseconds in all. */
  readonly limit: number
  /** Milliseconds without progress, once there was some. */
  readonly idle?: number
}

export interface Connection {
  readonly description: Description
  request(request: UpstreamRequest, behalf: Behalf, terms: Terms): Promise<Members>
  notify(notification: Notification): Promise<void>
  /** Resolves when it can hear no more, or `signal` says so. `ready` is called once it hears. */
  listen(
    resources: readonly string[],
    hear: (notification: Notification) => void,
    signal: AbortSignal,
    ready?: () => void,
  ): Promise<void>
  close(): Promise<void>
  /** Closes it, and leaves at the upstream what another process goes on with. By default as {@link Connection.close}. */
  leave?(): Promise<void>
  /** Set by the one who keeps it. */
  onclose?: (() => void) | undefined
}

/** Opens what `behalf` needs. `key`: the same for those who may share it. */
export type OpenConnection = (behalf: Behalf, capabilities: Members, key: string) => Promise<Connection>

/** What a request that is nobody's in particular is made for: a handshake, or listening. */
export function ownBehalf(
  { owner, granted, headers }: Pick<Behalf, 'owner' | 'granted' | 'headers'>,
  signal: AbortSignal,
): Behalf {
  return {
    owner,
    granted,
    headers,
    capabilities: {},
    progressToken: undefined,
    logLevel: undefined,
    signal,
    hear: () => undefined,
    ask: async () => {
      throw new Error('nobody is there to be asked')
    },
  }
}

/** The kinds of news that an upstream of 2026-07-28 is asked for: those that it says it has. */
export function filterFor({ capabilities }: Description, resources: readonly string[]): Members {
  return {
    ...(capabilities.tools?.listChanged && { toolsListChanged: true }),
    ...(capabilities.prompts?.listChanged && { promptsListChanged: true }),
    ...(capabilities.resources?.listChanged && { resourcesListChanged: true }),
    ...(capabilities.resources?.subscribe && resources.length > 0 && { resourceSubscriptions: resources }),
  }
}

/** Of a client's headers those that the file names. */
export function passedHeaders(
  { forwardHeaders }: Pick<RemoteUpstream, 'forwardHeaders'>,
  headers: Behalf['headers'],
): Record<string, string> {
  const passed = forwardHeaders.map((name) => [name, headers[name]])
  return Object.fromEntries(passed.filter(([, value]) => value !== undefined))
}
