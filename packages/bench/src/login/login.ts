// From click to token: how long after a person's approval the client has its token, and what its waiting costs in
// requests. Here are the order of things and the options; each login is in one-login.ts, and the clock is the wire (wire.ts).
import { createPerson, type Person } from '@gatehouse/testing'
import { type Measurement, OptionError, parseOptions, type Row } from '../measurement.ts'
import type { Client } from './client.ts'
import { clients } from './clients.ts'
import { type Deployment, openDeployment, stores } from './deployments.ts'
import { type Login, logIn } from './one-login.ts'
import { rowOf } from './rows.ts'

const loginCount = 50
/** Between these, in milliseconds after a device began to poll, people click. */
const earliest = 300
const latest = 6_000
/** How long nobody decides about the device whose requests are counted, in milliseconds. */
const patience = 60_000

const names = clients.map(({ name }) => name)

export const login: Measurement = {
  about: 'how long after the click that approves it a client has its token, and how often it asks until then',
  options: [
    `--logins N       for each client at each store (${loginCount})`,
    `--client NAME    ${names.join(', ')}; may be given again`,
    `--store NAME     ${stores.join(', ')}; may be given again`,
    '--hold SECONDS   AUTH_HOLD_SECONDS of the servers; 0: a poll is answered at once',
  ],
  async run(say, args) {
    const { count, hold, chosen, where } = readOptions(args)
    const rows: Row[] = []
    for (const store of where) {
      say(`${store}: ${chosen.length} clients side by side, ${count} logins each`)
      await using site = await openDeployment(store, hold)
      rows.push(
        ...(await Promise.all(chosen.map((client, index) => measure(site, store, client, { count, seed: index })))),
      )
    }
    return rows
  },
}

function readOptions(args: readonly string[]) {
  const values = parse(args)
  const wanted = choose('--client', names, values.client)
  return {
    count: readNumber('--logins', values.logins) ?? loginCount,
    hold: readNumber('--hold', values.hold),
    chosen: clients.filter(({ name }) => wanted.includes(name)),
    where: choose('--store', stores, values.store),
  }
}

function parse(args: readonly string[]) {
  const many = { type: 'string', multiple: true } as const
  return parseOptions(args, { logins: { type: 'string' }, hold: { type: 'string' }, client: many, store: many })
}

function choose<T extends string>(option: string, all: readonly T[], named: readonly string[] = all): readonly T[] {
  const unknown = named.find((name) => !(all as readonly string[]).includes(name))
  if (unknown !== undefined) throw new OptionError(`${option} ${unknown}: there are ${all.join(', ')}`)
  return all.filter((name) => named.includes(name))
}

function readNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0)) throw new OptionError(`${option} takes a number: "${text}" is not one`)
  return value
}

/** `count` logins of one client, one after the other, and beside them one about which nobody decides for a minute. */
async function measure(
  site: Deployment,
  store: string,
  client: Client,
  { count, seed }: { count: number; seed: number },
): Promise<Row> {
  const failures: string[] = []
  const attempt = (person: Person, wait: number): Promise<Login | undefined> =>
    logIn(client, site, person, wait).catch((error: unknown) => {
      failures.push(String(error))
      return undefined
    })
  const inTurn = async () => {
    const person = createPerson(site)
    const random = createRandom(seed)
    const done: Login[] = []
    for (let number = 0; number < count; number += 1) {
      const one = await attempt(person, earliest + random() * (latest - earliest))
      if (one) done.push(one)
    }
    return done
  }
  const [done, patient] = await Promise.all([
    inTurn(),
    client.polls ? attempt(createPerson(site), patience) : undefined,
  ])
  return rowOf({ client: client.name, store, done, patient, failures })
}

/** mulberry32, between 0 and 1: people click at the same moments in every run. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
