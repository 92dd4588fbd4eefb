// What an operator sees and ends: people with their approvals and sessions, and clients that registered themselves. It goes through the
// whole store, so that it also finds what no list leads to; for a command, not for a request.
import type { AccountRecords } from '../accounts/account-records.ts'
import type { Identity } from '../identity/identity.ts'
import { endGrant } from '../provider/grants/end-grant.ts'
import type { Model, Page, Store } from '../store/contract.ts'

const pageSize = 500
/** Looks for what came meanwhile, at most so often. */
const rounds = 3

export interface PeopleOptions {
  readonly store: Pick<Store, 'records'>
  readonly people: Pick<AccountRecords, 'find' | 'forget'>
  /** Waits until requests that began before are answered: those of somebody, or of a client that replicas know for a while. */
  readonly settle: (of: 'person' | 'client') => Promise<void>
}

/** Times are seconds since the epoch. */
export interface Approval {
  readonly id: string
  readonly clientId: string
  readonly subject: string
  readonly since: number
}

export interface Belongings {
  readonly account: Identity | undefined
  readonly approvals: readonly Approval[]
  /** Ids, which are secret. */
  readonly sessions: readonly string[]
}

export interface KnownPerson {
  readonly subject: string
  readonly label: string
  /** The clients that they approved, the one that was used last first. */
  readonly clients: readonly string[]
}

export interface KnownClient {
  readonly id: string
  readonly name: string
  readonly used: boolean
  /** Milliseconds since the epoch. */
  readonly until: number
}

type GrantPayload = {
  readonly jti: string
  readonly clientId: string
  readonly accountId: string
  readonly iat: number
}
type SessionPayload = { readonly jti: string; readonly accountId?: string }
type ClientPayload = {
  readonly metadata: { readonly client_id: string; readonly client_name?: string }
  readonly used: boolean
  readonly expiresAt: number
}

/** About `size` people, in no order. */
export async function listPeople({ store }: PeopleOptions, size: number, after?: string): Promise<Page<KnownPerson>> {
  const { entries, ...rest } = await gather<Identity>(store, 'Account', size, after)
  const people = entries.map(async ({ subject, label }) => {
    const grants = [...(await store.records.grantsOf(subject))].sort((one, other) => other.usedAt - one.usedAt)
    return { subject, label, clients: [...new Set(grants.map(({ payload }) => String(payload.clientId)))] }
  })
  return { entries: await Promise.all(people), ...rest }
}

export async function listClients({ store }: PeopleOptions, size: number, after?: string): Promise<Page<KnownClient>> {
  const { entries, ...rest } = await gather<ClientPayload>(store, 'Client', size, after)
  const clients = entries.map(({ metadata, used, expiresAt }) => ({
    id: metadata.client_id,
    name: metadata.client_name ?? '',
    used,
    until: expiresAt,
  }))
  return { entries: clients, ...rest }
}

export async function belongingsOf(subject: string, { store, people }: PeopleOptions): Promise<Belongings> {
  return { account: await people.find(subject), ...(await heldBy(subject, store)) }
}

/**
 * Ends all of it. The account goes first: without it nothing is issued, by whichever replica. Who signs in again meanwhile is a new
 * account. Does NOT reach access tokens that are out, where nobody asks about them, nor the audit and the log.
 */
export async function forgetPerson(subject: string, { store, people, settle }: PeopleOptions): Promise<void> {
  await people.forget(subject)
  for (let round = 0; round < rounds; round += 1) {
    const { approvals, sessions } = await heldBy(subject, store)
    for (const { id } of approvals) await endGrant(store.records, id)
    for (const id of sessions) await store.records.destroy('Session', id)
    if (round > 0 && approvals.length + sessions.length === 0) return
    await settle('person')
  }
}

async function heldBy(subject: string, store: PeopleOptions['store']): Promise<Omit<Belongings, 'account'>> {
  const approvals = await approvalsWhere(store, (grant) => grant.accountId === subject)
  const sessions = new Set<string>()
  for await (const { jti, accountId } of all<SessionPayload>(store, 'Session'))
    if (accountId === subject) sessions.add(jti)
  return { approvals, sessions: [...sessions] }
}

export function approvalsOfClient(clientId: string, { store }: PeopleOptions): Promise<readonly Approval[]> {
  return approvalsWhere(store, (grant) => grant.clientId === clientId)
}

/**
 * What people approved of it ends, too: the same metadata would make the same client again. What an earlier run left, which was cut
 * off, is ended by the next one. Returns whether it was registered, and how many approvals ended.
 */
export async function removeClient(clientId: string, options: PeopleOptions) {
  const { records } = options.store
  const registered = (await records.find('Client', clientId)) !== undefined
  if (registered) {
    await records.destroy('Client', clientId)
    await options.settle('client')
  }
  const approvals = await approvalsOfClient(clientId, options)
  for (const { id } of approvals) await endGrant(records, id)
  return { registered, ended: approvals.length }
}

/**
 * Ends what a restored backup has of codes, tokens and sessions that were used or ended since: it cannot be told from the rest. Call it
 * before the service starts. Returns how many records there were.
 */
export function endSignIns({ store }: PeopleOptions): Promise<number> {
  return store.records.clear(['Account', 'Client'])
}

async function approvalsWhere(store: PeopleOptions['store'], isOne: (grant: GrantPayload) => boolean) {
  const found = new Map<string, Approval>()
  for await (const grant of all<GrantPayload>(store, 'Grant')) {
    const { jti: id, clientId, accountId: subject, iat: since } = grant
    if (isOne(grant)) found.set(id, { id, clientId, subject, since })
  }
  return [...found.values()]
}

async function* all<Payload>({ records }: PeopleOptions['store'], model: Model): AsyncGenerator<Payload> {
  let after: string | undefined
  do {
    const page = await records.list(model, { size: pageSize, after })
    for (const { payload } of page.entries) yield payload as Payload
    after = page.next
  } while (after !== undefined)
}

/** Pages until there are `size` entries at least, or no more. */
async function gather<Payload>(
  { records }: PeopleOptions['store'],
  model: Model,
  size: number,
  after: string | undefined,
): Promise<Page<Payload>> {
  const entries: Payload[] = []
  let next = after
  do {
    const page = await records.list(model, { size, after: next })
    entries.push(...page.entries.map(({ payload }) => payload as Payload))
    next = page.next
  } while (next !== undefined && entries.length < size)
  return next === undefined ? { entries } : { entries, next }
}
