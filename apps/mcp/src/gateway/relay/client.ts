// Who asks, for one request: all that the relay knows of the protocol towards the client.
import type { Note } from '../../mcp/call-audit.ts'
import type { Behalf, Era, Members, Notification, Request } from '../upstreams/contract.ts'

export interface Client
  extends Pick<Behalf, 'owner' | 'granted' | 'capabilities' | 'headers' | 'logLevel' | 'progressToken' | 'signal'> {
  readonly era: Era
  /** What the audit is told of the request. */
  readonly note?: Note | undefined
  hear(notification: Notification): void
  /** Puts a question on the stream of the request. Undefined: it cannot be asked in this way. */
  ask: ((question: Request) => Promise<Members>) | undefined
  /** What it brings back (2026-07-28). */
  readonly requestState: string | undefined
  readonly inputResponses: Members | undefined
  /** How its session hears what belongs to no request. */
  readonly announce: ((notification: Notification) => Promise<boolean>) | undefined
  /** The tool that is called, by the upstream's own name. */
  readonly tool?: string | undefined
  /** Throws where what it asks for is no longer allowed: to be called before it is sent once more. */
  readonly judgeAgain?: (() => void) | undefined
}

/** Least severe first (RFC 5424, as MCP has it). */
const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

/** Whether a client wants a log message. One of 2026-07-28 that named no level wants none. */
export function wantsLog({ era, logLevel }: Pick<Client, 'era' | 'logLevel'>, params: Members | undefined): boolean {
  if (logLevel === undefined) return era === '2025'
  const [wanted, given] = [levels.indexOf(logLevel), levels.indexOf(String(params?.level))]
  return given === -1 || given >= wanted
}

export function behalfOf(client: Client): Behalf {
  const { owner, granted, capabilities, headers, logLevel, progressToken, signal } = client
  return {
    owner,
    granted,
    capabilities,
    headers,
    logLevel,
    progressToken,
    signal,
    hear(notification) {
      if (notification.method !== 'notifications/message' || wantsLog(client, notification.params))
        client.hear(notification)
    },
    ask: async () => {
      throw new Error('nobody is there to be asked')
    },
  }
}
