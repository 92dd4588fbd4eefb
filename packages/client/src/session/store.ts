// The files this program keeps, all in one private folder: sign-ins, our registrations, what was discovered.
// Each is replaced whole or not at all, for its owner alone (K5). What cannot be read counts as absent, with a notice.
import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import lockfile from 'proper-lockfile'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { discovery } from '../discovery/discovery.ts'
import { ClientError } from '../errors.ts'
import { registration } from '../registration/registration.ts'
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
  /** Tells the person about a file that could not be used. */
  readonly notify: (notice: string) => void
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
  readonly notify: (notice: string) => void
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
        const text = await readFile(file, 'utf8')
        await keepPrivate(file, notify)
        return schema.parse(JSON.parse(text))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        notify(`${file} could not be read and is ignored.`)
        return undefined
      }
    },
    async write(key, value) {
      await writable(folder, async () => {
        await makePrivate(folder)
        await writeFileAtomic(fileOf(key), `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
      })
    },
    async remove(key) {
      await writable(folder, () => rm(fileOf(key), { force: true }))
    },
    async exclusive(key, work) {
      await writable(folder, () => makePrivate(folder))
      const release = await acquire(fileOf(key))
      try {
        return await work()
      } finally {
        await release().catch(() => {}) // gone already, when this process was stopped for longer than the lock lives
      }
    },
  }
}

/** A lock that its holder keeps alive, and that falls 10 s after the holder died. */
async function acquire(file: string): Promise<() => Promise<void>> {
  const retries = { retries: 300, factor: 1.2, minTimeout: 20, maxTimeout: 200 }
  return lockfile.lock(file, { realpath: false, retries, onCompromised: () => {} }).catch((cause: unknown) => {
    throw new ClientError('store_unwritable', 'Another process keeps the saved sign-in locked.', {
      reason: `${file}.lock has been held for a minute.`,
      hint: 'Wait for it to finish, or remove that folder if no such process is left.',
      cause,
    })
  })
}

async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if (await isOpenToOthers(folder)) await chmod(folder, 0o700)
}

async function keepPrivate(file: string, notify: (notice: string) => void): Promise<void> {
  if (!(await isOpenToOthers(file))) return
  notify(`${file} could be read by others; now it is private again.`)
  await chmod(file, 0o600)
}

/** Windows has no such bits: there the user's profile folder is what protects. */
async function isOpenToOthers(path: string): Promise<boolean> {
  return process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0
}

async function writable<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new ClientError('store_unwritable', 'The sign-in could not be saved.', {
      reason: `${folder} cannot be written (${(cause as NodeJS.ErrnoException).code}).`,
      hint: 'Make it writable, or set GATEHOUSE_HOME to a folder that is.',
      cause,
    })
  }
}
