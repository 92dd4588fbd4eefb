// A backup that was restored has codes and tokens in it that were used since. After the operator's command none of them works.
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openTestRedis, type RedisScene, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { createAccountRecords } from '../accounts/account-records.ts'
import { type AuthServer, createDataDir, startAuthServer, testSecret } from '../harness/auth-server.ts'
import { basic, website } from '../harness/clients.ts'
import { errorOf, logInOnDevice, obtainCode, refresh, refused } from '../harness/flows.ts'
import type { Store } from '../store/contract.ts'
import { untilAnswers } from '../store/redis/harness/harness.ts'
import { openRedisStore } from '../store/redis/store.ts'
import { createSealing } from '../store/sealing.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import { parseOperatorCommand, runPeopleCommand } from './command-line.ts'

const invalidGrant = refused(400, 'invalid_grant')

/** A place that a service keeps its store in, of which a backup can be made. */
interface Place {
  readonly serve: () => Promise<AuthServer>
  readonly backUp: () => Promise<void>
  readonly restore: () => Promise<void>
  /** While no service runs. */
  readonly withStore: <T>(use: (store: Store) => Promise<T>) => Promise<T>
}

const dataDir = createDataDir()
let redis: RedisScene<string>
let prefix: string
beforeAll(async () => {
  redis = await openTestRedis('auth')
  prefix = redis.newPrefix()
})
afterAll(async () => {
  rmSync(dataDir, { recursive: true, force: true })
  await redis?.[Symbol.asyncDispose]()
})

async function operate(store: Store, ...args: readonly string[]): Promise<string> {
  const command = parseOperatorCommand(args)
  if (!command) throw new Error('asked for the usage')
  const people = createAccountRecords({ store, keptFor: 86_400_000 })
  return runPeopleCommand(command, { store, people, settle: async () => {} })
}

function sqlite(): Place {
  const copy = (from: string, to: string) => {
    for (const end of ['', '-wal']) {
      const target = join(dataDir, `${to}${end}`)
      rmSync(target, { force: true })
      if (existsSync(join(dataDir, `${from}${end}`))) copyFileSync(join(dataDir, `${from}${end}`), target)
    }
  }
  return {
    serve: () => startAuthServer({ dataDir }),
    backUp: async () => copy('auth.sqlite', 'backup.sqlite'),
    restore: async () => copy('backup.sqlite', 'auth.sqlite'),
    async withStore(use) {
      const path = join(dataDir, 'auth.sqlite')
      await using store = openSqliteStore({
        path,
        sealing: createSealing({ secret: testSecret }),
        clock: Date.now,
        onTampered: () => undefined,
      })
      return await use(store)
    },
  }
}

function inRedis(): Place {
  let kept: readonly (readonly [key: string, value: Buffer, life: number])[] = []
  const open = () =>
    untilAnswers(
      openRedisStore({ connection: redis.connection, prefix, sealing: createSealing({ secret: testSecret }) }),
    )
  return {
    async serve() {
      const store = await open()
      return startAuthServer({ wrapStore: () => store })
    },
    async backUp() {
      kept = await redis.onEachKey(prefix, async (node, key) => {
        const [value, life] = await Promise.all([node.dumpBuffer(key), node.pttl(key)])
        return [key, value as Buffer, Math.max(0, life)] as const
      })
    },
    async restore() {
      await redis.onEachKey(prefix, (node, key) => node.del(key))
      for (const [key, value, life] of kept) await redis.nodes[0].restore(key, life, value)
    },
    async withStore(use) {
      const store = await open()
      try {
        return await use(store)
      } finally {
        await store.close()
      }
    },
  }
}

for (const [name, place] of Object.entries({ SQLite: sqlite(), Redis: inRedis() })) {
  verifies('X31', `what was used since the backup is not usable again, with ${name}`, async () => {
    const server = await place.serve()
    const { client_id: id = '' } = (await server.register({ redirect_uris: ['http://127.0.0.1/back'] })).json
    const { refresh_token: token } = await logInOnDevice(server)
    const redirect = { client_id: website.client_id, redirect_uri: website.redirect_uris[0] }
    const login = await obtainCode(server, { changes: redirect })
    await place.backUp()
    expect((await login.redeem({}, basic(website))).status).toBe(200)
    expect((await refresh(server, token)).status).toBe(200)
    await server[Symbol.asyncDispose]()

    await place.restore()
    await place.withStore(async (store) => {
      expect(await operate(store, 'sign-ins', 'end')).toContain('Nothing was changed.')
      expect(await store.records.list('RefreshToken', { size: 1_000 }), 'the backup has it').toMatchObject({
        entries: [expect.anything()],
      })
      expect(await operate(store, 'sign-ins', 'end', '--yes')).toMatch(
        /^All sign-ins have ended: \d+ records are gone\.$/m,
      )
    })

    await using again = await place.serve()
    expect(errorOf(await refresh(again, token))).toEqual(invalidGrant)
    const { code, verifier, redirectUri } = login
    const fields = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri }
    const redeemed = await again.token({ ...fields, client_id: website.client_id }, basic(website))
    expect(errorOf(redeemed)).toEqual(invalidGrant)
    expect(await again.store.records.find('Client', id), 'clients stay').toBeDefined()
    expect(await again.store.records.find('Account', 'dev:ada'), 'and people').toBeDefined()
    expect((await logInOnDevice(again)).refresh_token).toBeTruthy()
  })
}
