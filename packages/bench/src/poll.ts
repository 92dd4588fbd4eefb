import { setTimeout as wait } from 'node:timers/promises'
import { startTestRedis } from '@gatehouse/testing'
import { askForCodes, type Device, pollEach } from './devices.ts'
import { processorTime } from './kernel.ts'
import type { Measurement, Say } from './measurement.ts'
import { timeOfRedis } from './redis-time.ts'
import { inRounds, type RoundsOptions } from './rounds.ts'
import { type Server, startBareProvider, startGatehouse } from './servers.ts'
import { compare, type Sample } from './statistics.ts'

const bareName = 'oidc-provider, in memory'
const polls = 1_000
/** Of oidc-provider, which is fast: the kernel counts in hundredths of a second. */
const barePolls = 4_000
const pollsAtOnce = 8
/** The memory of oidc-provider holds so many devices for certain: two entries each, of a thousand. */
const bareDevices = 250
/** Milliseconds, more than devices are told to wait between two polls. */
const interval = 1_100
/** Of devices whose polls are held, each for a second. */
const heldAtOnce = 500
const idleTime = 5_000

interface Subject {
  readonly server: Server
  readonly redisUrl?: string
  readonly devices: readonly Device[]
  readonly atOnce: number
}

/** What a poll costs that is answered with authorization_pending. */
export const poll: Measurement = {
  about: 'what a poll of a device costs for which nobody has decided yet, at once or held for a second',
  run: async (say) => compare(await samplePoll(say, { warmUp: 2, rounds: 10 }, ['0', '1']), bareName),
}

/** `holds` are the AUTH_HOLD_SECONDS of the servers. */
export async function samplePoll(
  say: Say,
  roundCounts: RoundsOptions,
  holds: readonly ('0' | '1')[],
): Promise<Record<string, Sample[]>> {
  const { share = 1 } = roundCounts
  say('starting authorization servers')
  await using redis = await startTestRedis()
  await using servers = new AsyncDisposableStack()
  const start = async (seconds: string, store: { readonly redisUrl?: string }): Promise<Subject> => {
    const server = servers.use(await startGatehouse({ ...store, env: { AUTH_HOLD_SECONDS: seconds } }))
    const devices = await askForCodes(server, polls * share)
    return { server, devices, ...store, atOnce: seconds === '0' ? pollsAtOnce : heldAtOnce }
  }
  const bare = servers.use(await startBareProvider())
  const some = await askForCodes(bare, bareDevices)
  const ofBare = Array.from({ length: Math.ceil((barePolls * share) / bareDevices) }, () => some).flat()
  const ofRedis = { redisUrl: redis.url }
  const subjects: Record<string, Subject> = { [bareName]: { server: bare, devices: ofBare, atOnce: pollsAtOnce } }
  for (const hold of holds) {
    const way = hold === '0' ? '' : ', held'
    subjects[`Gatehouse, SQLite${way}`] = await start(hold, {})
    subjects[`Gatehouse, Redis${way}`] = await start(hold, ofRedis)
  }
  say('seeing what they use while nobody asks')
  const idle = await idleTimes(Object.values(subjects))
  say(`polling, ${roundCounts.warmUp + roundCounts.rounds} rounds of ${polls * share}`)
  const measured = Object.entries(subjects).map(([name, subject], index) => {
    return [name, () => measure(subject, idle[index] ?? 0)] as const
  })
  return await inRounds(Object.fromEntries(measured), roundCounts)
}

/** Milliseconds of processor time a second. */
async function idleTimes(subjects: readonly Subject[]): Promise<readonly number[]> {
  const before = subjects.map(({ server }) => processorTime(server.pid))
  await wait(idleTime)
  return subjects.map(({ server }, index) => ((processorTime(server.pid) - (before[index] ?? 0)) * 1_000) / idleTime)
}

async function measure({ server, devices, atOnce, redisUrl }: Subject, idle: number): Promise<Sample> {
  await wait(interval) // a subject may be the last of a round and the first of the next one
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
    ...(atOnce === pollsAtOnce && { 'polls a second': devices.length / seconds }),
    ...(redisUrl && { 'CPU ms a poll of Redis': ofStore / devices.length }),
  }
}
