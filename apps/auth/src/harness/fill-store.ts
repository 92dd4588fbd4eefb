// A program, for packages/bench: makes a store large. The parts of the store put one record of each kind, a copy of what the
// service itself left there; SQLite or Redis then copies what they wrote, all of its rows or keys, under hashes of their own. Copies
// are never read: their values would not open. The service must not run on a SQLite file meanwhile.
//   node fill-store.ts fill|sweep JSON
// `fill` prints for each kind how many there are, the bytes of one, and the seconds that it took. `sweep` prints what a write
// to a SQLite file takes in microseconds, as a rule and while device codes go that expired together.
import { randomBytes } from 'node:crypto'
import type { Payload, Store } from '../store/contract.ts'
import { openStore, untilAnswers } from '../store/open-store.ts'
import { deviceCodeModel, grantModel, refreshTokenModel } from '../store/rules.ts'
import { createSealing } from '../store/sealing.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import { drawUserCode } from '../user-codes.ts'
import { type Copying, openFileToCopyIn, openRedisToCopyIn } from './copied-records.ts'

interface Settings {
  /** A folder with a file in it, or the URL of a Redis. */
  readonly place: string
  readonly secret: string
  readonly count: number
}

const day = 86_400_000
/** Milliseconds. Devices wait for longer than they do elsewhere: the measurement takes its time. */
const lives = { grant: 90 * day, token: day, client: 90 * day, device: day / 4 }
const sweptWrites = 40
const answersWithin = 10_000

const [task, text = '{}'] = process.argv.slice(2)
const { place, secret, count } = JSON.parse(text) as Settings
const isRedis = place.startsWith('redis:')
const file = `${place}/auth.sqlite`
const sealing = createSealing({ secret })

if (task === 'sweep') await sweep()
else await fill()

async function fill(): Promise<void> {
  const originals = await withStore(readOriginals)
  const written: [kind: string, names: readonly string[]][] = []
  for (const [kind, put] of Object.entries(createCopies(originals))) {
    const before = await withCopying(({ there }) => there())
    await withStore(put)
    const after = await withCopying(({ there }) => there())
    written.push([kind, [...after].filter((name) => !before.has(name))])
  }
  await withCopying(async ({ bytes, copy }) => {
    for (const [kind, names] of written) {
      const [before, began] = [await bytes(), performance.now()]
      await copy(names, count)
      const seconds = (performance.now() - began) / 1_000
      print({ kind, count, bytes: ((await bytes()) - before) / count, seconds })
    }
  })
}

async function withCopying<T>(use: (copying: Copying) => Promise<T>): Promise<T> {
  const copying = isRedis ? await openRedisToCopyIn(place) : openFileToCopyIn(file)
  try {
    return await use(copying)
  } finally {
    await copying.close()
  }
}

async function withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
  const choice = isRedis
    ? ({ kind: 'redis', target: { kind: 'single', url: place } } as const)
    : ({ kind: 'sqlite', folder: place } as const)
  const store = openStore(choice, { sealing, onTrouble: () => undefined })
  try {
    await untilAnswers(store, answersWithin)
    return await use(store)
  } finally {
    await store.close()
  }
}

/** A payload of each model, as the service wrote it. */
async function readOriginals({ records }: Store): Promise<Readonly<Record<string, Payload>>> {
  const originals: Record<string, Payload> = {}
  for (const model of [grantModel, 'GrantOrigin', refreshTokenModel, 'Client', deviceCodeModel]) {
    for (let after: string | undefined; !originals[model]; ) {
      const page = await records.list(model, { size: 1_000, after })
      const found = page.entries.find(({ payload }) => model !== deviceCodeModel || !payload.accountId)
      if (found) originals[model] = found.payload
      else if (page.next === undefined) throw new Error(`There is no ${model} to copy`)
      else after = page.next
    }
  }
  return originals
}

function createCopies(originals: Readonly<Record<string, Payload>>) {
  const newId = () => randomBytes(32).toString('base64url')
  return {
    async grant({ records }: Store) {
      const [grantId, jti] = [newId(), newId()]
      const accountId = `dev:${newId()}`
      const grant = { ...originals[grantModel], jti: grantId, accountId }
      const token = { ...originals[refreshTokenModel], jti, grantId, accountId }
      await records.put('GrantOrigin', grantId, { ...originals.GrantOrigin }, lives.grant, { grantId })
      await records.put(grantModel, grantId, grant, lives.grant, { accountId })
      await records.put(refreshTokenModel, jti, token, lives.token, { grantId, accountId })
    },
    client: ({ records }: Store) => records.put('Client', newId(), { ...originals.Client }, lives.client),
    'waiting device': ({ deviceCodes }: Store) => {
      const [jti, userCode] = [newId(), drawUserCode()]
      const payload = { ...originals[deviceCodeModel], jti, userCode }
      return deviceCodes.create(jti, payload, lives.device, { userCode, phase: 'pending' })
    },
  }
}

async function sweep(): Promise<void> {
  let now = Date.now()
  const store = openSqliteStore({ path: file, clock: () => now, sealing })
  const measure = async (kind: string) => {
    const [before, began] = [process.cpuUsage(), performance.now()]
    for (let written = 0; written < sweptWrites; written += 1)
      await store.attempts.take('sweep', sweptWrites * 4, 365 * day)
    const [{ user, system }, waited] = [process.cpuUsage(before), performance.now() - began]
    print({ kind, processor: (user + system) / sweptWrites, waiting: (waited * 1_000) / sweptWrites })
  }
  await measure('first writes')
  await measure('a write')
  now += lives.device + 600_000
  await measure('a write that sweeps')
  await store.close()
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
