// Sessions at servers of Streamable HTTP, where all replicas see them: whichever holds a connection next goes on with its session.
import type { Replicas } from '@gatehouse/replicas'
import type { SavedSession, SavedSessions } from '../upstreams/saved-sessions.ts'
import type { SealedMail } from './sealed-mail.ts'

export interface SharedSessionsOptions {
  readonly replicas: Replicas
  readonly mail: SealedMail
  /** Of the upstream, so that no other one is given them. */
  readonly prefix: string
  readonly onerror: (error: Error) => void
}

/** Milliseconds: as long as a connection lives at most. */
const life = 86_400_000
/** Bytes. Larger ones are not kept. */
const largest = 262_144

export function createSharedSessions({ replicas, mail, prefix, onerror }: SharedSessionsOptions): SavedSessions {
  const nameOf = (key: string) => `session:${prefix}${key}`
  return {
    async get(key) {
      try {
        const sealed = await replicas.get(nameOf(key))
        const opened = sealed && mail.open(nameOf(key), sealed)
        return opened && (JSON.parse(opened.toString('utf8')) as SavedSession)
      } catch (error) {
        onerror(error as Error)
        return undefined
      }
    },
    async put(key, session) {
      const sealed = mail.seal(nameOf(key), Buffer.from(JSON.stringify(session)))
      if (sealed.length <= largest) await replicas.put(nameOf(key), sealed, life).catch(onerror)
    },
    async remove(key) {
      await replicas.remove(nameOf(key)).catch(onerror)
    },
  }
}
