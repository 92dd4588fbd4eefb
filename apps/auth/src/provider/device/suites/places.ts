// Where the servers of equal-polls.ts keep what they know.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import { createDataDir, testSecret } from '../../../harness/auth-server.ts'
import { openRedisStore } from '../../../store/redis/store.ts'
import { createSealing } from '../../../store/sealing.ts'
import type { Place } from './equal-polls.ts'

const sealing = createSealing({ secret: testSecret })
const keyOf = (deviceCode: string) => sealing.hashKey('DeviceCode', deviceCode)

/** A file: the pace of a code is written when it is closed. */
export function openFilePlace(): Place & Disposable {
  const dataDir = createDataDir()
  return {
    options: { dataDir },
    wrapStore: (store) => store,
    async paceOf(deviceCode) {
      const file = new DatabaseSync(join(dataDir, 'auth.sqlite'), { readOnly: true })
      const row = file
        .prepare('SELECT phase, polled_at, slowed_by FROM device_codes WHERE key = ?')
        .get(keyOf(deviceCode))
      file.close()
      return row && { ...row }
    },
    [Symbol.dispose]: () => rmSync(dataDir, { recursive: true, force: true }),
  }
}

/** Redis has a clock of its own, which goes on: it is as far from that of the test as the moment is. */
export function openRedisPlace(url: string, prefix: string): Place & AsyncDisposable {
  const realNow = () => performance.timeOrigin + performance.now()
  const clockOffset = () => Math.round(Date.now() - realNow())
  const redis = new Redis(url)
  return {
    options: {},
    wrapStore: (store) => {
      const opened = openRedisStore({
        connection: url,
        prefix,
        sealing,
        clock: () => Date.now(),
        clockOffset,
        onTampered: () => undefined,
      })
      // the keys of the harness are in the other one
      return { ...opened, documents: store.documents, close: () => opened.close() }
    },
    async paceOf(deviceCode) {
      const [phase, last, held, slowedBy] = await redis.hmget(
        `${prefix}DeviceCode:${keyOf(deviceCode)}`,
        'p',
        'l',
        'h',
        's',
      )
      const second = (time: string | null | undefined) =>
        time && Math.sign(Number(time)) * Math.round(Math.abs(Number(time)) / 1_000)
      return { phase, last: second(last), held: second(held), slowedBy }
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect()
    },
  }
}
