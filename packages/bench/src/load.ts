// What answers cost the processes that give them: the same for every server, ours and those of others.
import { setTimeout as wait } from 'node:timers/promises'
import { forEach } from './at-once.ts'
import { processorTime, residentMemory } from './kernel.ts'
import { timeOfRedis } from './redis-time.ts'
import { inRounds, type RoundsOptions } from './rounds.ts'
import { median, type Sample } from './statistics.ts'

export interface Subject {
  /** The processes whose time is counted, together. */
  readonly pids: readonly number[]
  /** One request, the `number`th of the round. Throws if it is answered otherwise than expected. */
  readonly ask: (number: number) => Promise<unknown>
  /** The Redis whose time is told, too. */
  readonly redisUrl?: string
}

export interface LoadOptions {
  /** What is asked for, in the names of the figures: `call`. */
  readonly unit: string
  /** By default the unit with an s. */
  readonly plural?: string
  /** Requests a round. */
  readonly count: number
  readonly atOnce: number
  /** Requests a round beforehand, one at a time, whose time until the answer is a figure of its own. By default none. */
  readonly alone?: number
}

/** Milliseconds before each sample: a subject that was just measured may still be tidying up. */
const pause = 200

/** The kernel counts processor time in hundredths of a second: `count` requests should take many of them. */
async function measureLoad({ pids, ask, redisUrl }: Subject, options: LoadOptions): Promise<Sample> {
  const { unit, plural = `${unit}s`, count, atOnce, alone = 0 } = options
  await wait(pause)
  const times: number[] = []
  for (let number = 0; number < alone; number += 1) {
    const began = performance.now()
    await ask(number)
    times.push(performance.now() - began)
  }
  const used = () => pids.reduce((sum, pid) => sum + processorTime(pid), 0)
  const storeBefore = await timeOfRedis(redisUrl)
  const [before, began] = [used(), performance.now()]
  await forEach(Array(count).keys(), atOnce, ask)
  const seconds = (performance.now() - began) / 1_000
  const [after, ofStore] = [used(), (await timeOfRedis(redisUrl)) - storeBefore]
  return {
    [`CPU ms a ${unit}`]: (after - before) / count,
    [`${plural} a second`]: count / seconds,
    ...(redisUrl && { [`CPU ms a ${unit} of Redis`]: ofStore / count }),
    ...(alone > 0 && { 'ms until the answer, one at a time': median(times) }),
    'VmRSS MB': pids.reduce((sum, pid) => sum + residentMemory(pid), 0),
  }
}

/** The rounds of all subjects. A round of `times` as many requests is for one that is so much faster. */
export function measureInRounds(
  subjects: Readonly<Record<string, Subject & { readonly times?: number }>>,
  options: LoadOptions,
  rounds: RoundsOptions,
): Promise<Record<string, Sample[]>> {
  const { share = 1 } = rounds
  const measured = Object.entries(subjects).map(([name, { times = 1, ...subject }]) => {
    const measure = () =>
      measureLoad(subject, { ...options, count: Math.ceil(options.count * times * share) }).catch((cause: unknown) => {
        throw new Error(`${name} was not measured`, { cause })
      })
    return [name, measure] as const
  })
  return inRounds(Object.fromEntries(measured), rounds)
}
