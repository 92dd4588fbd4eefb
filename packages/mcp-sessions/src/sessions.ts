// What a session is: the handshake of a 2025-era client, kept in the store, bound to the resource, the issuer, the person
// and the client that opened it. No server and no connection belongs to it, so any replica can answer any request of it.

import { createHash } from 'node:crypto'
import { StoreUnavailableError } from '@gatehouse/service'
import type { LoggingLevel } from '@modelcontextprotocol/server'
import { isSessionId, newSessionId, type SealedBy, sealedBy } from './session-key.ts'
import type { SessionStore } from './store/contract.ts'

/** Whom a session belongs to, as an access token says it. */
export interface SessionCaller {
  readonly subject: string
  readonly clientId: string
}

export interface Session extends SealedBy {
  /** Known to the client alone: never logged, never stored. */
  readonly id: string
  /** The params of its `initialize`. */
  readonly handshake: Handshake
  /** What `logging/setLevel` asked for. */
  readonly logLevel: LoggingLevel | undefined
}

export interface Handshake extends Readonly<Record<string, unknown>> {
  readonly protocolVersion: string
}

export interface SessionsOptions {
  readonly store: SessionStore
  readonly issuer: string
  readonly resource: string
  /** Told why a session could not be kept. */
  readonly onRefusal: (reason: 'too_many' | 'too_large' | 'store_unavailable') => void
  /** Told of a record that does not open: somebody changed it, or moved it. It counts as absent. */
  readonly onerror: (error: Error) => void
}

interface SessionRecord {
  readonly boundTo: string
  readonly handshake: Handshake
  readonly logLevel?: LoggingLevel
}

export interface Sessions {
  /**
   * Undefined if there can be none now: too many, a handshake too large to keep, a store that is away. Then the client is
   * served without one, which the protocol lets a server choose.
   */
  open(caller: SessionCaller, handshake: Handshake): Promise<Session | undefined>
  /** Undefined for one that ended, expired, never was, or is somebody else's: nobody can tell these apart. */
  find(id: string, caller: SessionCaller): Promise<Session | undefined>
  setLogLevel(session: Session, level: LoggingLevel): Promise<void>
  /** Idempotent. */
  end(session: Session): Promise<void>
}

/** Characters of JSON. Clients send some hundred. */
const longestHandshake = 16_384

export function createSessions({ store, issuer, resource, onRefusal, onerror }: SessionsOptions): Sessions {
  // Anyone who is issued a token for another resource or by another issuer is another one, whatever he is called.
  const ownerOf = ({ subject }: SessionCaller) => digest(resource, issuer, subject)
  const bindingOf = ({ subject, clientId }: SessionCaller) => digest(resource, issuer, subject, clientId)

  async function read(session: SealedBy): Promise<SessionRecord | undefined> {
    const value = await store.use(session.key)
    try {
      return value && (session.open('session', value) as SessionRecord)
    } catch (error) {
      onerror(error as Error)
      return undefined
    }
  }

  return {
    async open(caller, handshake) {
      if (JSON.stringify(handshake).length > longestHandshake) {
        onRefusal('too_large')
        return undefined
      }
      const id = newSessionId()
      const sealed = sealedBy(id)
      const record: SessionRecord = { boundTo: bindingOf(caller), handshake }
      try {
        const isOpen = await store.open(sealed.key, ownerOf(caller), sealed.seal('session', record))
        if (isOpen) return { ...sealed, id, handshake, logLevel: undefined }
        onRefusal('too_many')
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        onRefusal('store_unavailable')
      }
      return undefined
    },

    async find(id, caller) {
      if (!isSessionId(id)) return undefined
      const sealed = sealedBy(id)
      const { boundTo, handshake, logLevel } = (await read(sealed)) ?? {}
      return handshake && boundTo === bindingOf(caller) ? { ...sealed, id, handshake, logLevel } : undefined
    },

    async setLogLevel(session, logLevel) {
      const record = await read(session)
      if (record) await store.replace(session.key, session.seal('session', { ...record, logLevel }))
    },

    end: (session) => store.end(session.key),
  }
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}
