// Redis goes away and comes back, while everything is asked all the time.
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Cluster } from './cluster.ts'
import { observe, observeRounds, type Probe, prepareProbes } from './probes.ts'
import { report } from './report.ts'
import { approvedDevice, type Device, refresh } from './wire.ts'

/** Milliseconds, as docs/faults.md promises; tests allow three times as much. */
const answersWithin = 1_000
const backWithin = 10_000
const tolerance = 3
const atOnce = 100
const rounds = 5

export interface Outage {
  readonly name: string
  readonly begin: (cluster: Cluster) => Promise<void> | void
  readonly end: (cluster: Cluster) => Promise<void> | void
}

export const killed: Outage = {
  name: 'killed',
  begin: ({ redis }) => redis.kill(),
  end: ({ redis }) => redis.start(),
}

export const hanging: Outage = {
  name: 'hanging (SIGSTOP)',
  begin: ({ redis }) => redis.hang(),
  end: ({ redis }) => redis.resume(),
}

/** Goes through one outage of that many milliseconds and judges all that the promise says about it. */
export async function goThrough(cluster: Cluster, outage: Outage, lasting: number): Promise<void> {
  const probes = await prepareProbes(cluster)
  const approved = await approvedDevice(cluster)
  const signedIn = (await (await approvedDevice(cluster)).poll()).json
  const processes = [...cluster.auth.replicas, ...cluster.mcp.replicas].map((replica) => replica.process())

  const before = await observeRounds(probes, rounds)
  await outage.begin(cluster)
  const began = performance.now()
  const during = await observe(probes, { until: () => performance.now() - began > lasting })
  const burst = await askAllAtOnce(approved)
  const over = performance.now()
  await outage.end(cluster)
  const back = await untilAllAnswer(probes, over)
  const after = await observeRounds(probes, rounds)

  report(`Redis ${outage.name} for ${lasting / 1000} s`, {
    backAfterMs: back,
    hundredAtOnce: burst,
    endpoints: probes.map(({ name }, index) => [name, before[index], during[index], after[index]].map(line)),
  })
  for (const [index, { name, status, away }] of probes.entries()) {
    expect(before[index]?.statuses, `${name}, before`).toEqual([status])
    expect(during[index]?.statuses, `${name}, during`).toEqual([away])
    expect(during[index]?.slowest, `${name}, during`).toBeLessThan(tolerance * answersWithin)
    expect(during[index]?.retryAfter, `${name}, during`).toBe(away === 503 ? '1' : undefined)
    expect(after[index]?.statuses, `${name}, after`).toEqual([status])
  }
  expect(burst.statuses).toEqual([503])
  expect(burst.slowest).toBeLessThan(tolerance * answersWithin)
  expect(back).toBeLessThan(tolerance * backWithin)

  expect((await approved.poll()).status, 'what was approved before is redeemed after').toBe(200)
  expect((await refresh(cluster, signedIn.refresh_token)).status, 'a sign-in from before goes on').toBe(200)
  for (const process of processes) {
    expect(process.hasExited(), 'nobody had to restart').toBe(false)
    expect(process.output()).not.toMatch(/unhandled|uncaught|"level":60/i)
  }
}

/** A device that polls is answered at once, too, when many do. */
async function askAllAtOnce(device: Device) {
  const answers = await Promise.all(Array.from({ length: atOnce }, () => device.poll()))
  return {
    statuses: [...new Set(answers.map(({ status }) => status))],
    slowest: Math.round(Math.max(...answers.map(({ took }) => took))),
  }
}

/** Milliseconds since `over` until everything was answered as on an ordinary day. */
async function untilAllAnswer(probes: readonly Probe[], over: number): Promise<number> {
  for (;;) {
    const asked = performance.now()
    const answers = await Promise.all(probes.map(({ run }) => run()))
    const isBack = answers.every(({ status }, index) => status === probes[index]?.status)
    if (isBack || performance.now() - over > tolerance * backWithin) return Math.round(asked - over)
    await wait(50)
  }
}

function line(observation: Awaited<ReturnType<typeof observe>>[number] | string | undefined): unknown {
  if (typeof observation !== 'object') return observation
  const { statuses, median, slowest } = observation
  return `${statuses.join(' ')} (${median}, ${slowest} ms)`
}
