import { setTimeout as wait } from 'node:timers/promises'
import { freePorts, startTestRedis } from '@gatehouse/testing'
import type { Caller } from './caller.ts'
import { askForCodes } from './devices.ts'
import { imageSettings } from './image-settings.ts'
import { keptMemory } from './inspector.ts'
import { processorTime, residentMemory } from './kernel.ts'
import type { Measurement, Row } from './measurement.ts'
import { inRounds } from './rounds.ts'
import { robot, type Server, startGatehouse } from './servers.ts'
import { compare, percentile, type Sample } from './statistics.ts'
import { createWaitingDevices, type WaitingDevices } from './waiting-devices.ts'

const deviceCount = 1_000
const roundCounts = { warmUp: 1, rounds: 4 }
/** Milliseconds between two requests of a kind that others make. */
const pause = 50
/** Milliseconds. */
const rest = 1_500

/** How devices wait: the settings of the server, and the seconds from one poll to the next one that come of them. */
const ways = {
  'plain polls': { hold: '0', cycle: 5 },
  'held polls': { hold: '4.5', cycle: 5.5 },
} as const

interface Subject {
  readonly server: Server
  readonly devices?: WaitingDevices
  readonly cycle: number
  readonly inspector: number
}

/** What devices that wait take from a process of the authorization server, and from those who ask it something else. */
export const waiting: Measurement = {
  about: `what ${deviceCount} devices that wait cost, and what others notice: SQLite`,
  run: (say) => measureAll(say),
}

export const waitingRedis: Measurement = {
  about: `what ${deviceCount} devices that wait cost, and what others notice: Redis`,
  async run(say) {
    await using redis = await startTestRedis()
    return await measureAll(say, redis.url)
  },
}

async function measureAll(say: (text: string) => void, redisUrl?: string): Promise<readonly Row[]> {
  say('starting servers')
  await using servers = new AsyncDisposableStack()
  const subjects: Record<string, () => Promise<Sample>> = {}
  for (const [way, { hold, cycle }] of Object.entries(ways)) {
    const [inspector = 0] = await freePorts(1)
    const env = {
      AUTH_HOLD_SECONDS: hold,
      AUTH_LIFETIMES: '{}',
      ...imageSettings([`--inspect=127.0.0.1:${inspector}`]),
    }
    const server = servers.use(await startGatehouse({ ...(redisUrl && { redisUrl }), env }))
    say(`asking for ${deviceCount} codes`)
    const codes = await askForCodes(server, deviceCount)
    const devices = servers.use(createWaitingDevices(server.caller, codes, cycle))
    subjects[`${way}, nobody`] = () => measure({ server, inspector, cycle })
    subjects[`${way}, ${deviceCount}`] = () => measure({ server, inspector, cycle, devices })
  }
  say(`${roundCounts.warmUp + roundCounts.rounds} rounds, without devices and with them`)
  const samples = await inRounds(subjects, roundCounts)
  return Object.keys(ways).flatMap((way) => {
    const [without, having] = [samples[`${way}, nobody`] ?? [], samples[`${way}, ${deviceCount}`] ?? []]
    const rows = { [`${way}, nobody`]: without, [`${way}, ${deviceCount}`]: withWhatADeviceTakes(without, having) }
    return compare(rows, `${way}, nobody`)
  })
}

/** The rounds with devices, and in each what a device takes beside the round without. */
function withWhatADeviceTakes(without: readonly Sample[], having: readonly Sample[]): readonly Sample[] {
  return having.map((sample, round) => {
    const ofDevice = (name: string) => ((sample[name] ?? 0) - (without[round]?.[name] ?? 0)) / deviceCount
    return {
      ...sample,
      'CPU ms a minute, a device': ofDevice('CPU ms a second') * 60,
      'VmRSS KB a device': ofDevice('VmRSS MB') * 1024,
      'kept KB a device': ofDevice('kept MB') * 1024,
    }
  })
}

async function measure({ server, devices, cycle, inspector }: Subject): Promise<Sample> {
  const { pid, caller } = server
  devices?.start()
  // until each has polled; or until what the last sample collected has grown again
  await wait(devices ? (cycle + 0.5) * 1_000 : rest)
  const [before, began] = [processorTime(pid), performance.now()]
  const { latencies, refused } = await askSteadily(caller, cycle * 1_000)
  const seconds = (performance.now() - began) / 1_000
  const processor = (processorTime(pid) - before) / seconds
  const [resident, kept] = [residentMemory(pid), await keptMemory(inspector)]
  const answers = await devices?.stop()
  return {
    'CPU ms a second': processor,
    'VmRSS MB': resident,
    'kept MB': kept,
    ...latencies,
    'answers 503': refused + (answers?.unavailable ?? 0),
    slow_down: answers?.slow_down ?? 0,
  }
}

const others: Readonly<Record<string, (caller: Caller) => Promise<{ readonly status: number }>>> = {
  client_credentials: ({ post }) => {
    const { client_id, client_secret } = robot
    return post('/token', { grant_type: 'client_credentials', client_id, client_secret })
  },
  '/readyz': ({ get }) => get('/readyz'),
  '/jwks': ({ get }) => get('/jwks'),
}

interface Asked {
  readonly latencies: Sample
  /** Answers of 503: the store did not answer the server in time. */
  readonly refused: number
}

/** What others wait for an answer, who ask at a steady rate whether there are answers or not. */
async function askSteadily(caller: Caller, time: number): Promise<Asked> {
  const kinds = Object.entries(others)
  const times = kinds.map(() => [] as number[])
  let refused = 0
  const timed = async (kind: number) => {
    const [name, ask] = kinds[kind] as (typeof kinds)[number]
    const began = performance.now()
    const { status } = await ask(caller)
    times[kind]?.push(performance.now() - began)
    if (status === 503) refused += 1
    else if (status !== 200) throw new Error(`${name} was answered by ${status}`)
  }
  const asked: Promise<void>[] = []
  const end = performance.now() + time
  for (let count = 0; performance.now() < end; count += 1) {
    asked.push(timed(count % kinds.length))
    await wait(pause / kinds.length)
  }
  await Promise.all(asked)
  const figures = kinds.flatMap(([name], kind) =>
    [50, 95].map((share) => [`${name} ms p${share}`, percentile(times[kind] ?? [], share / 100)] as const),
  )
  return { latencies: Object.fromEntries(figures), refused }
}
