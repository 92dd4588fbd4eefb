// What is stored of the people who signed in: a record each, with an end.
//
// Releases before this one kept a document for each, for ever. Such a one becomes a record when it is read, or by
// moveAll(); for a while it stays for replicas of such a release that run beside this one, and so does the one that is
// written at each sign-in where replicas share the store.
import type { Identity } from '../identity/identity.ts'
import type { Store } from '../store/contract.ts'

const model = 'Account'
/** How much later than it has to be an end is: so it is put off once a day, however often somebody is seen. */
const day = 86_400_000
const pageSize = 500

export interface AccountRecords {
  find(subject: string): Promise<Identity | undefined>
  /** The same, with whether their end is far enough away: then {@link keep} has nothing to do. */
  findLasting(subject: string): Promise<LastingIdentity | undefined>
  /** After a sign-in. */
  put(identity: Identity): Promise<void>
  /** What is known of somebody since. Stores nothing if they are gone. */
  replace(identity: Identity): Promise<void>
  /** Puts off the end. Returns false if they are gone. */
  keep(subject: string): Promise<boolean>
  /** At once, with what an upstream gave us for them. */
  forget(subject: string): Promise<void>
  /** Gives an end to whatever a release before this one wrote. For the background: it looks at the whole store. */
  moveAll(): Promise<void>
}

export interface LastingIdentity {
  readonly identity: Identity
  readonly lasts: boolean
}

export interface AccountRecordsOptions {
  readonly store: Pick<Store, 'records' | 'documents' | 'shared'>
  /** Milliseconds for which somebody is remembered at least after they were admitted last. */
  readonly keptFor: number
}

export function createAccountRecords({ store, keptFor }: AccountRecordsOptions): AccountRecords {
  const { records, documents, shared } = store
  const lifetime = keptFor + day
  const nameOf = (subject: string) => `account:${subject}`
  const read = async (subject: string) => (await readLasting(subject))?.identity
  const readLasting = async (subject: string): Promise<LastingIdentity | undefined> => {
    const found = await records.findLasting(model, subject)
    return found && { identity: found.payload as unknown as Identity, lasts: found.lastsFor >= keptFor }
  }

  /**
   * forget() takes the document first: so one that is there afterwards led to a record that it finds. Where somebody else made the
   * record, they took the document.
   */
  async function adopt(identity: Identity): Promise<Identity | undefined> {
    const { subject } = identity
    const isOurs = await records.create(model, subject, { ...identity }, lifetime)
    if (isOurs && (await documents.get(nameOf(subject))) === undefined) await records.destroy(model, subject)
    // a day less than the record: it must not become one again
    await documents.endWithin(nameOf(subject), shared ? keptFor : 0)
    return read(subject)
  }

  async function findLasting(subject: string): Promise<LastingIdentity | undefined> {
    const found = await readLasting(subject)
    if (found) return found
    const old = (await documents.get(nameOf(subject))) as Identity | undefined
    const identity = old && (await adopt(old))
    return identity && { identity, lasts: false }
  }

  return {
    find: async (subject) => (await findLasting(subject))?.identity,
    findLasting,
    async put(identity) {
      const { subject } = identity
      if (shared) {
        await documents.put(nameOf(subject), identity)
        await documents.endWithin(nameOf(subject), keptFor)
      }
      await records.put(model, subject, { ...identity }, lifetime)
    },
    async replace(identity) {
      await records.replace(model, identity.subject, { ...identity })
    },
    keep: (subject) => records.keep(model, subject, keptFor, lifetime),
    async forget(subject) {
      await documents.endWithin(nameOf(subject), 0)
      await records.destroy(model, subject)
    },
    async moveAll() {
      let after: string | undefined
      do {
        const page = await documents.list({ size: pageSize, after })
        for (const value of page.entries) if (isIdentity(value)) await adopt(value)
        after = page.next
      } while (after !== undefined)
    },
  }
}

/** Other documents are key rings, and subjects alone. */
function isIdentity(value: unknown): value is Identity {
  return typeof value === 'object' && value !== null && 'subject' in value && typeof value.subject === 'string'
}
