// This package measures what Gatehouse costs: processor time, memory, waiting. It is not a test: a figure is right or wrong
// for somebody who reads it, and is of use as a ratio within one run. docs/performance.md says how to read it.
//
// `npm run bench -- NAME`: the table goes to standard output, and with it test-output/bench-NAME.json is written.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { repository } from '@gatehouse/testing'
import { all } from './all.ts'
import { distance } from './distance/distance.ts'
import { guard } from './guard.ts'
import { login } from './login/login.ts'
import { type Measurement, OptionError } from './measurement.ts'
import { memory } from './memory.ts'
import { poll } from './poll.ts'
import { relay } from './relay.ts'
import { rules } from './rules.ts'
import { sessions } from './sessions.ts'
import { size } from './size/size.ts'
import { tableOf } from './table.ts'
import { tokens } from './tokens.ts'
import { calls } from './tool-calls.ts'
import { waiting, waitingRedis } from './waiting.ts'

const measurements: Readonly<Record<string, Measurement>> = {
  all,
  calls,
  distance,
  guard,
  login,
  memory,
  poll,
  relay,
  rules,
  sessions,
  size,
  tokens,
  waiting,
  'waiting-redis': waitingRedis,
}

const say = (text: string) => void process.stderr.write(`bench: ${text}\n`)
const [name = '', ...options] = process.argv.slice(2)
const measurement = Object.hasOwn(measurements, name) ? measurements[name] : undefined

if (!measurement || (options.length > 0 && !measurement.options)) {
  say('npm run bench -- NAME, where NAME is one of')
  for (const [each, { about, options: lines = [] }] of Object.entries(measurements)) {
    say(`  ${each.padEnd(14)} ${about}`)
    for (const line of lines) say(`  ${''.padEnd(14)}   ${line}`)
  }
  process.exitCode = 2
} else if (process.platform !== 'linux') {
  say('what a process uses is read from /proc, which Linux alone has')
  process.exitCode = 2
} else {
  try {
    await measure(name, measurement)
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    say(error.message)
    process.exitCode = 2
  }
}

async function measure(name: string, measurement: Measurement): Promise<void> {
  const began = performance.now()
  const date = new Date().toISOString()
  const rows = await measurement.run(say, options)
  const seconds = Math.round((performance.now() - began) / 1_000)
  const folder = join(repository, 'test-output')
  mkdirSync(folder, { recursive: true })
  const machine = { cores: availableParallelism(), processor: cpus()[0]?.model, node: process.version }
  writeFileSync(
    join(folder, `bench-${name}.json`),
    `${JSON.stringify({ name, date, seconds, machine, rows }, undefined, 2)}\n`,
  )
  process.stdout.write(tableOf(rows, measurement.columns))
  if (measurement.plot) writeFileSync(join(folder, `bench-${name}.svg`), measurement.plot(rows))
  say(`took ${seconds} s; test-output/bench-${name}.json has the figures`)
}
