// Writes that are asked for at the same time are one transaction, and wait for the disk once: on many disks that takes longer than
// all else that a request needs, and nobody is answered meanwhile. Each of them stands alone all the same. One that fails
// undoes what it did itself, and they are carried out in the order in which they were asked for.
import { type SqliteDatabase, sqliteFailure } from '@gatehouse/service'

/**
 * Runs at a time in milliseconds since the epoch. Resolves when it is on the disk. It runs later, and not as part of the request
 * that asks for it: what belongs to that is found out before.
 */
export type CommitTogether = <T>(run: (now: number) => T) => Promise<T>

interface Write {
  readonly run: (now: number) => unknown
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
}

/** How a write came out, before it is on the disk. */
type Outcome = () => void

/** `inTransaction`: what is done in each transaction, at its time, and besides. It is told how many writes there are. */
export function createGroupCommit(
  database: SqliteDatabase,
  inTransaction: (run: (now: number) => void, writes: number) => void,
): { readonly write: CommitTogether; flush(): void } {
  const begin = database.prepare('SAVEPOINT one')
  const undo = database.prepare('ROLLBACK TO one')
  const end = database.prepare('RELEASE one')
  let waiting: Write[] = []

  /** Throws if the transaction is over: SQLite ends it by itself after some errors, such as a full disk. */
  function attempt({ run, resolve, reject }: Write, now: number): Outcome {
    begin.run()
    try {
      const result = run(now) as never
      end.run()
      return () => resolve(result)
    } catch (error) {
      try {
        undo.run()
        end.run()
      } catch {
        throw error
      }
      return () => reject(sqliteFailure(error))
    }
  }

  function flush(): void {
    const writes = waiting
    waiting = []
    if (writes.length === 0) return
    const outcomes: Outcome[] = []
    try {
      database.write(() =>
        inTransaction((now) => {
          for (const write of writes) outcomes.push(attempt(write, now))
        }, writes.length),
      )
    } catch (error) {
      for (const { reject } of writes) reject(error)
      return
    }
    for (const tell of outcomes) tell()
  }

  return {
    write: (run) =>
      new Promise((resolve, reject) => {
        waiting.push({ run, resolve, reject })
        // all that is under way in this turn of the loop comes with it
        if (waiting.length === 1) setImmediate(flush)
      }),
    flush,
  }
}
