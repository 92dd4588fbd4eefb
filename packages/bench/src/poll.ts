import { setTimeout as wait } from 'node:timers/promises'
import { startTestRedis } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { askForCodes, type Device, pollEach } from './devices.ts'
import { processorTime } from './kernel.ts'
import type { Measurement } from './measurement.ts'
import { inRounds } from './rounds.ts'
import { type Server, startBareProvider, startGatehouse } from './servers.ts'
import { compare, type Sample } from './statistics.ts'

const BARE = 'oidc-provider, in memory'
const POLLS = 1_000
/** Of oidc-provider, which is fast: the kernel counts in hundredths of a second. */
const BARE_POLLS = 4_000
const AT_ONCE = 8
/** The memory of oidc-provider holds so many devices for certain: two entries each, of a thousand. */
const BARE_DEVICES = 250
/** Milliseconds, more than devices are told to wait between two polls. */
const INTERVAL = 1_100
const ROUNDS = { warmUp: 2, rounds: 10 }
/** Of devices whose polls are held, each for a second. */
const HELD_AT_ONCE = 500
const IDLE = 5_000

interface Subject {
  readonly server: Server
  readonly redisUrl?: string
  readonly devices: readonly Device[]
  readonly atOnce: number
}

/** What a poll costs that is answered with authorization_pending. */
export const poll: Measurement = {
  about: 'what a poll of a device costs for which nobody has decided yet, at once or held for a second',
  async run(say) {
    say('starting servers')
    await using redis = await startTestRedis()
    await using servers = new AsyncDisposableStack()
    const start = async (seconds: string, store: { readonly redisUrl?: string }): Promise<Subject> => {
      const server = servers.use(await startGatehouse({ ...store, env: { AUTH_HOLD_SECONDS: seconds } }))
      const devices = await askForCodes(server, POLLS)
      return { server, devices, ...store, atOnce: seconds === '0' ? AT_ONCE : HELD_AT_ONCE }
    }
    const bare = servers.use(await startBareProvider())
    const some = await askForCodes(bare, BARE_DEVICES)
    const ofBare = Array.from({ length: BARE_POLLS / BARE_DEVICES }, () => some).flat()
    const ofRedis = { redisUrl: redis.url }
    const subjects: Readonly<Record<string, Subject>> = {
      [BARE]: { server: bare, devices: ofBare, atOnce: AT_ONCE },
      'Gatehouse, SQLite': await start('0', {}),
      'Gatehouse, Redis': await start('0', ofRedis),
      'Gatehouse, SQLite, held': await start('1', {}),
      'Gatehouse, Redis, held': await start('1', ofRedis),
    }
    say('seeing what they use while nobody asks')
    const idle = await idleTimes(Object.values(subjects))
    say(`polling, ${ROUNDS.warmUp + ROUNDS.rounds} rounds of ${POLLS}`)
    const measured = Object.entries(subjects).map(([name, subject], index) => {
      return [name, () => measure(subject, idle[index] ?? 0)] as const
    })
    return compare(await inRounds(Object.fromEntries(measured), ROUNDS), BARE)
  },
}

/** Milliseconds of processor time a second. */
async function idleTimes(subjects: readonly Subject[]): Promise<readonly number[]> {
  const before = subjects.map(({ server }) => processorTime(server.pid))
  await wait(IDLE)
  return subjects.map(({ server }, index) => ((processorTime(server.pid) - (before[index] ?? 0)) * 1_000) / IDLE)
}

async function measure({ server, devices, atOnce, redisUrl }: Subject, idle: number): Promise<Sample> {
  await wait(INTERVAL) // a subject may be the last of a round and the first of the next one
  const storeBefore = await timeOfRedis(redisUrl)
  const [before, began] = [processorTime(server.pid), performance.now()]
  await pollEach(server, devices, atOnce)
  const seconds = (performance.now() - began) / 1_000
  const processor = processorTime(server.pid) - before - idle * seconds
  const ofStore = (await timeOfRedis(redisUrl)) - storeBefore
  return {
    'CPU ms a poll': processor / devices.length,
    'ms until the answer': (seconds * 1_000 * atOnce) / devices.length,
    // what is held says nothing of how many there could be
    ...(atOnce === AT_ONCE && { 'polls a second': devices.length / seconds }),
    ...(redisUrl && { 'CPU ms a poll of Redis': ofStore / devices.length }),
  }
}

/** Milliseconds of processor time that Redis has used so far; 0 without one. */
async function timeOfRedis(url: string | undefined): Promise<number> {
  if (!url) return 0
  const redis = new Redis(url)
  const told = await redis.info('cpu').finally(() => redis.disconnect())
  const seconds = [...told.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, value]) => Number(value))
  return seconds.reduce((sum, value) => sum + value, 0) * 1_000
}
