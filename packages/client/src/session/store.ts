// The files this program keeps, all in one private folder: sign-ins, our registrations, what was discovered.
// Each is replaced whole or not at all, for its owner alone. What cannot be read counts as absent, with a notice.
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ClientError } from '@gatehouse/network'
import lockfile from 'proper-lockfile'
import { z } from 'zod'
import { discovery } from '../discovery/discovery.ts'
import { registration } from '../registration/registration.ts'
import { inPrivateFolder, type Notify, readPrivateFile, writePrivateFile } from './private-files.ts'
import { type SessionKey, session } from './session.ts'

/** What is remembered of an MCP server's address. */
const knownServer = z.object({
  discovery,
  /** The client id of the last sign-in, where somebody gave one: later commands use the same. */
  clientId: z.string().optional(),
})

export type KnownServer = z.infer<typeof knownServer>

export interface Store {
  readonly sessions: Shelf<SessionKey, z.infer<typeof session>>
  readonly registrations: Shelf<string, z.infer<typeof registration>>
  readonly servers: Shelf<string, KnownServer>
}

/** One kind of record. `write` is atomic: a reader sees the old record or the new one, after a crash too. */
export interface Shelf<Key, Value> {
  read(key: Key): Promise<Value | undefined>
  write(key: Key, value: Value): Promise<void>
  remove(key: Key): Promise<void>
  /** Runs `work` while no other process runs anything under the same key. Waits up to a minute for its turn. */
  exclusive<T>(key: Key, work: () => Promise<T>): Promise<T>
}

export interface StoreOptions {
  /** The folder; it is created when something is first written. */
  readonly home: string
  readonly notify: Notify
}

export function createStore({ home, notify }: StoreOptions): Store {
  const shelf = <Key, Value>(folder: string, schema: z.ZodType<Value>, nameOf: (key: Key) => unknown) =>
    createShelf<Key, Value>({ folder: join(home, folder), schema, nameOf, notify })
  return {
    sessions: shelf('sessions', session, ({ issuer, resource, clientId }: SessionKey) => [
      issuer,
      resource,
      clientId ?? null,
    ]),
    registrations: shelf('registrations', registration, (issuer: string) => issuer),
    servers: shelf('servers', knownServer, (url: string) => url),
  }
}

interface ShelfOptions<Key, Value> {
  readonly folder: string
  readonly schema: z.ZodType<Value>
  readonly nameOf: (key: Key) => unknown
  readonly notify: Notify
}

function createShelf<Key, Value>({ folder, schema, nameOf, notify }: ShelfOptions<Key, Value>): Shelf<Key, Value> {
  const fileOf = (key: Key) => {
    const hash = createHash('sha256')
      .update(JSON.stringify(nameOf(key)))
      .digest('hex')
    return join(folder, `${hash.slice(0, 32)}.json`)
  }
  return {
    async read(key) {
      const file = fileOf(key)
      try {
        const text = await readPrivateFile(file, notify)
        return text === undefined ? undefined : schema.parse(JSON.parse(text))
      } catch {
        notify(`${file} could not be read and is ignored.`)
        return undefined
      }
    },
    write: (key, value) => writePrivateFile(fileOf(key), `${JSON.stringify(value, null, 2)}\n`),
    remove: (key) => inPrivateFolder(folder, () => rm(fileOf(key), { force: true })),
    async exclusive(key, work) {
      const release = await inPrivateFolder(folder, () => acquire(fileOf(key)))
      try {
        return await work()
      } finally {
        await release().catch(() => {}) // gone already, when this process was stopped for longer than the lock lives
      }
    },
  }
}

const lockTries = 400
const longestPause = 200 // milliseconds

/** A lock that its holder keeps alive, and that falls 10 s after the holder died. Whatever else is in the way is thrown at once. */
async function acquire(file: string): Promise<() => Promise<void>> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await lockfile.lock(file, { realpath: false, onCompromised: () => {} })
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ELOCKED') throw cause
      if (tries === lockTries) throw locked(file, cause)
    }
    await delay(Math.min(20 * 1.2 ** tries, longestPause) * (0.5 + Math.random() / 2))
  }
}

function locked(file: string, cause: unknown): ClientError {
  return new ClientError('store_unwritable', 'Another process keeps the saved sign-in locked.', {
    reason: `${file}.lock has been held for a minute.`,
    hint: 'Wait for it to finish, or remove that folder if no such process is left.',
    cause,
  })
}
