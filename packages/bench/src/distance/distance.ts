// What it costs that Redis is not on the same machine: each answer that a request has to wait for, times the way there and back.
import type { Measurement, Row } from '../measurement.ts'
import { spread } from '../statistics.ts'
import { type Deployment, openDeployment } from './deployment.ts'
import type { Asked } from './far-redis.ts'
import { requestAll } from './requests.ts'

/** Milliseconds there and back. */
const distances = [0, 1, 10] as const
/** Where round trips are counted: there is no doubt then what was waited for. */
const far = 10
const roundCounts = { warmUp: 2, rounds: 8 }
/** Rounds that are made again: on a busy machine Redis may be too late for the service, which then answers 503. */
const failuresAtMost = 10

export const distance: Measurement = {
  about: 'how many round trips to Redis a request waits for, and how long it takes when Redis is 0, 1 and 10 ms away',
  async run(say) {
    say('starting the services, with a Redis that is moved away')
    await using deployment = await openDeployment()
    const { warmUp, rounds } = roundCounts
    say(`each request ${warmUp + rounds} times at ${distances.join(', ')} ms`)
    const seen = new Map<string, { readonly distance: number; readonly asked: Asked }[]>()
    let failures = 0
    const oneRound = async (distance: number): Promise<ReadonlyMap<string, Asked>> => {
      for (;;) {
        try {
          return await measureAll(deployment, distance)
        } catch (error) {
          failures += 1
          if (failures > failuresAtMost) throw error
          say(`again: ${(error as Error).message.slice(0, 100)}`)
        }
      }
    }
    for (let round = 0; round < warmUp + rounds; round += 1) {
      for (const distance of distances) {
        const all = await oneRound(distance)
        if (round < warmUp) continue
        for (const [name, asked] of all) seen.set(name, [...(seen.get(name) ?? []), { distance, asked }])
      }
    }
    return [...seen].map(([name, all]) =>
      rowOf(
        name,
        Object.groupBy(all, ({ distance }) => distance),
      ),
    )
  },
}

async function measureAll({ redis, ...deployment }: Deployment, distance: number): Promise<ReadonlyMap<string, Asked>> {
  const all = new Map<string, Asked>()
  await requestAll(deployment, async (name, request) => {
    const { answer, ...asked } = await redis.during(distance, request)
    all.set(name, asked)
    return answer
  })
  return all
}

type Seen = Readonly<Partial<Record<number, readonly { readonly asked: Asked }[]>>>

function rowOf(of: string, at: Seen): Row {
  const counted = (at[far] ?? []).map(({ asked }) => asked)
  const times = distances.map((distance) => {
    return [`ms at ${distance} ms`, spread((at[distance] ?? []).map(({ asked }) => asked.took))] as const
  })
  const figures = {
    'round trips': spread(counted.map(({ roundTrips }) => roundTrips)),
    commands: spread(counted.map(({ commands }) => commands.flat().length)),
    ...Object.fromEntries(times),
  }
  return { of, figures, details: { commands: mostSeen(counted) } }
}

/** What a service does by itself now and then is among the commands of some rounds. */
function mostSeen(asked: readonly Asked[]): Asked['commands'] {
  const counts = Object.values(Object.groupBy(asked, ({ commands }) => JSON.stringify(commands)))
  const [most] = counts.toSorted((one, other) => (other?.length ?? 0) - (one?.length ?? 0))
  return most?.[0]?.commands ?? []
}
