// What people would choose Gatehouse for, in one run: each of it beside what they would take instead, and beside the least
// that it could cost. It composes the measurements that have names of their own; docs/performance.md says how to read it.
import { inspect } from 'node:util'
import { bareName as engine, sampleClientCredentials } from './client-credentials.ts'
import { sampleFootprint } from './footprint.ts'
import { sampleGuard } from './guard.ts'
import { type Measurement, OptionError, parseOptions, type Row, type Say } from './measurement.ts'
import { plotOf } from './plot.ts'
import { samplePoll } from './poll.ts'
import { sampleRefreshes } from './refreshes.ts'
import { sampleRelay } from './relay.ts'
import type { RoundsOptions } from './rounds.ts'
import type { Sample } from './statistics.ts'
import { sampleCalls } from './tool-calls.ts'
import { type Comparison, judge, type Verdict } from './verdicts.ts'

type Samples = Readonly<Record<string, readonly Sample[]>>

interface Part {
  readonly sample: (say: Say, rounds: RoundsOptions) => Promise<Samples>
  readonly rounds: RoundsOptions
  readonly comparisons: readonly Comparison[]
}

const quick: RoundsOptions = { warmUp: 1, rounds: 2, share: 0.1 }

const call = 'CPU ms a call'
const calls = 'calls a second'
const answer = 'ms until the answer, one at a time'
const demonstration = 'the demonstration'
const ofStdio = 'stdio, 2025-11-25'
const sdk = 'SDK v2, no guard'
const [sqlite, redis] = ['Gatehouse, SQLite', 'Gatehouse, Redis']
const [ready, atRest] = ['ms until it is ready', 'VmRSS MB at rest']

/** The pairs of a kind of request, each of ours beside each of the others. */
function pairs(
  common: Pick<Comparison, 'what' | 'figure'>,
  targets: Readonly<Record<string, Readonly<Record<string, number>>>>,
) {
  return Object.entries(targets).flatMap(([beside, wanted]) =>
    Object.entries(wanted).map(([ours, target]) => ({ ...common, ours, beside, target })),
  )
}

const parts: Readonly<Record<string, Part>> = {
  calls: {
    sample: sampleCalls,
    rounds: { warmUp: 12, rounds: 10 },
    comparisons: [
      ...pairs(
        { what: 'a call of a tool', figure: call },
        {
          [sdk]: { [demonstration]: 1.5 },
          'SDK v1, requireBearerAuth and jose': { [demonstration]: 1.2 },
        },
      ),
      {
        what: 'two processes',
        ours: 'the demonstration, two processes',
        beside: demonstration,
        figure: call,
        target: 0.95,
      },
      { what: 'memory', ours: demonstration, beside: sdk, figure: 'VmRSS MB' },
    ],
  },
  relay: {
    sample: sampleRelay,
    rounds: { warmUp: 12, rounds: 8 },
    comparisons: [
      ...['supergateway, stdio', 'mcp-proxy, stdio'].flatMap((beside) => [
        { what: 'a call that is relayed', ours: ofStdio, beside, figure: call },
        { what: 'a call that is relayed', ours: ofStdio, beside, figure: calls, target: 1 },
      ]),
      ...['stdio, 2026-07-28', 'HTTP, 2026-07-28'].map((ours) => {
        return {
          what: 'what relaying adds',
          ours,
          beside: demonstration,
          figure: call,
          by: 'added',
          target: 0.3,
        } as const
      }),
      ...['stdio, 2026-07-28', 'HTTP, 2026-07-28'].map((ours) => {
        return { what: 'what relaying adds', ours, beside: demonstration, figure: answer, by: 'added' } as const
      }),
      { what: 'what relaying adds', ours: ofStdio, beside: `${ofStdio}, by itself`, figure: answer, by: 'added' },
      {
        what: 'what relaying adds',
        ours: 'HTTP, 2026-07-28',
        beside: 'HTTP, 2026-07-28, by itself',
        figure: answer,
        by: 'added',
      },
    ],
  },
  guard: {
    sample: sampleGuard,
    rounds: { warmUp: 2, rounds: 8 },
    comparisons: pairs(
      { what: 'a token at the guard', figure: 'µs a token' },
      { 'jose jwtVerify': { 'guard, known again': 20 } },
    ),
  },
  poll: {
    sample: (say, rounds) => samplePoll(say, rounds, ['0']),
    rounds: { warmUp: 12, rounds: 8 },
    comparisons: pairs(
      { what: 'a poll of a device', figure: 'CPU ms a poll' },
      { [engine]: { [redis]: 2, [sqlite]: 1 } },
    ),
  },
  client_credentials: {
    sample: sampleClientCredentials,
    rounds: { warmUp: 10, rounds: 8 },
    comparisons: [
      ...pairs(
        { what: 'client_credentials', figure: 'CPU ms a token' },
        {
          [engine]: { [redis]: 1, [sqlite]: 1 },
          'Better Auth, in memory': { [redis]: 9, [sqlite]: 9 },
          'Fastify, one signature': { [redis]: 0.5, [sqlite]: 0.5 },
        },
      ),
      {
        what: 'two processes',
        ours: 'Gatehouse, Redis, two processes',
        beside: redis,
        figure: 'CPU ms a token',
        target: 0.95,
      },
      { what: 'memory', ours: sqlite, beside: engine, figure: 'VmRSS MB' },
    ],
  },
  refresh: {
    sample: sampleRefreshes,
    rounds: { warmUp: 8, rounds: 8 },
    comparisons: pairs(
      { what: 'a refresh', figure: 'CPU ms a refresh' },
      { [engine]: { [redis]: 0.8, [sqlite]: 0.8 } },
    ),
  },
  footprint: {
    sample: sampleFootprint,
    rounds: { warmUp: 1, rounds: 5 },
    comparisons: [
      ...[atRest, ready].flatMap((figure) => {
        const what = figure === ready ? 'start' : 'memory'
        return ['', ', as in an image'].flatMap((way) => [
          { what, ours: `${demonstration}${way}`, beside: sdk, figure },
          { what, ours: `${sqlite}${way}`, beside: engine, figure },
        ])
      }),
    ],
  },
}

export const all: Measurement = {
  about: 'what Gatehouse would be chosen for, beside what would be taken instead: all in one run, with a plot',
  options: [
    '--quick        two rounds of fewer requests, to see whether it runs',
    `--only NAME    a part: ${Object.keys(parts).join(', ')}; may be given again`,
  ],
  async run(say, args) {
    const { few, only } = readOptions(args)
    const verdicts: Verdict[] = []
    for (const [name, { sample, rounds, comparisons }] of Object.entries(parts)) {
      if (only.length > 0 && !only.includes(name)) continue
      try {
        const samples = await sample((text) => say(`${name}: ${text}`), few ? quick : rounds)
        verdicts.push(...comparisons.map((comparison) => judge(comparison, samples)))
      } catch (error) {
        // the others took minutes, and are worth having
        say(`${name} is left out: ${inspect(error)}`)
        process.exitCode = 1
      }
    }
    // what is alike stands together, in the order in which it came first
    return Object.values(Object.groupBy(verdicts, ({ details }) => details.what)).flatMap((alike) => alike ?? [])
  },
  columns: ['ours', 'beside', '×', 'added', 'target'],
  plot: (rows: readonly Row[]) => plotOf(rows as readonly Verdict[]),
}

function readOptions(args: readonly string[]) {
  const options = { quick: { type: 'boolean' }, only: { type: 'string', multiple: true } } as const
  const { quick: few = false, only = [] } = parseOptions(args, options)
  const unknown = only.find((name) => !Object.hasOwn(parts, name))
  if (unknown !== undefined) throw new OptionError(`--only ${unknown}: there are ${Object.keys(parts).join(', ')}`)
  return { few, only }
}
