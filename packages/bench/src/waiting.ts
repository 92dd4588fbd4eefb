import { setTimeout as wait } from 'node:timers/promises'
import { freePorts, startTestRedis } from '@gatehouse/testing'
import type { Caller } from './caller.ts'
import { askForCodes, type Device, startWaiting } from './devices.ts'
import { keptMemory } from './inspector.ts'
import { processorTime, residentMemory } from './kernel.ts'
import type { Measurement } from './measurement.ts'
import { inRounds } from './rounds.ts'
import { robot, type Server, startGatehouse } from './servers.ts'
import { compare, percentile, type Sample } from './statistics.ts'

const DEVICES = 1_000
const ROUNDS = { warmUp: 1, rounds: 3 }
/** Milliseconds: of one sample; between two requests of a kind that others make; until each device has polled. */
const WINDOW = 8_000
const PAUSE = 50
const SETTLING = 6_500

interface Subject {
  readonly server: Server
  readonly devices: readonly Device[]
  readonly inspector: number
}

/** What devices that wait take from a process of the authorization server, and from those who ask it something else. */
export const waiting: Measurement = {
  about: `what ${DEVICES} devices that wait cost, and what others notice: SQLite`,
  run: (say) => measureAll(say),
}

export const waitingRedis: Measurement = {
  about: `what ${DEVICES} devices that wait cost, and what others notice: Redis`,
  async run(say) {
    await using redis = await startTestRedis()
    return await measureAll(say, redis.url)
  },
}

async function measureAll(say: (text: string) => void, redisUrl?: string) {
  say('starting the server')
  const [inspector = 0] = await freePorts(1)
  const env = { AUTH_HOLD_SECONDS: '0', AUTH_LIFETIMES: '{}', NODE_OPTIONS: `--inspect=127.0.0.1:${inspector}` }
  await using server = await startGatehouse({ ...(redisUrl && { redisUrl }), env })
  say(`asking for ${DEVICES} codes`)
  const plain: Subject = { server, inspector, devices: await askForCodes(server, DEVICES) }
  say(`${ROUNDS.warmUp + ROUNDS.rounds} rounds, without devices and with them`)
  const idle: Subject = { ...plain, devices: [] }
  const { nobody, many } = await inRounds({ nobody: () => measure(idle), many: () => measure(plain) }, ROUNDS)
  const samples = { 'nobody waits': nobody, [`${DEVICES} wait`]: withMemoryOfDevices(nobody, many) }
  return compare(samples, 'nobody waits')
}

/** The rounds with devices, and in each what a device takes beside the round without. */
function withMemoryOfDevices(without: readonly Sample[], having: readonly Sample[]): readonly Sample[] {
  return having.map((sample, round) => {
    const ofDevice = (name: string) => (((sample[name] ?? 0) - (without[round]?.[name] ?? 0)) * 1024) / DEVICES
    return { ...sample, 'VmRSS KB a device': ofDevice('VmRSS MB'), 'kept KB a device': ofDevice('kept MB') }
  })
}

async function measure({ server, devices, inspector }: Subject): Promise<Sample> {
  const { pid, caller } = server
  const waiting = startWaiting(server, devices)
  await wait(devices.length > 0 ? SETTLING : 0)
  const [before, began] = [processorTime(pid), performance.now()]
  const latencies = await askSteadily(caller, WINDOW)
  const seconds = (performance.now() - began) / 1_000
  const processor = (processorTime(pid) - before) / seconds
  const [resident, kept] = [residentMemory(pid), await keptMemory(inspector)]
  await waiting.stop()
  return { 'CPU ms a second': processor, 'VmRSS MB': resident, 'kept MB': kept, ...latencies }
}

const others: Readonly<Record<string, (caller: Caller) => Promise<{ readonly status: number }>>> = {
  client_credentials: ({ post }) => {
    const { client_id, client_secret } = robot
    return post('/token', { grant_type: 'client_credentials', client_id, client_secret })
  },
  '/readyz': ({ get }) => get('/readyz'),
  '/jwks': ({ get }) => get('/jwks'),
}

/** What others wait for an answer, who ask at a steady rate whether there are answers or not. */
async function askSteadily(caller: Caller, time: number): Promise<Sample> {
  const kinds = Object.entries(others)
  const times = kinds.map(() => [] as number[])
  const timed = async (kind: number) => {
    const [name, ask] = kinds[kind] as (typeof kinds)[number]
    const began = performance.now()
    const { status } = await ask(caller)
    times[kind]?.push(performance.now() - began)
    if (status !== 200) throw new Error(`${name} was answered by ${status}`)
  }
  const asked: Promise<void>[] = []
  const end = performance.now() + time
  for (let count = 0; performance.now() < end; count += 1) {
    asked.push(timed(count % kinds.length))
    await wait(PAUSE / kinds.length)
  }
  await Promise.all(asked)
  const figures = kinds.flatMap(([name], kind) =>
    [50, 95].map((share) => [`${name} ms p${share}`, percentile(times[kind] ?? [], share / 100)] as const),
  )
  return Object.fromEntries(figures)
}
