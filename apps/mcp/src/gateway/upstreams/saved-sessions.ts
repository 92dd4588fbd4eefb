// Sessions of Streamable HTTP (2025 era) that outlive the process that began them, so that another one goes on with them.
import type { Description } from './contract.ts'

export interface SavedSession {
  readonly sessionId: string
  readonly description: Description
}

/** By the key of the connection. Nothing here rejects: what cannot be found or kept is begun again. */
export interface SavedSessions {
  get(key: string): Promise<SavedSession | undefined>
  put(key: string, session: SavedSession): Promise<void>
  remove(key: string): Promise<void>
}
