// What the process of a service takes: the time until it is ready, and its memory, at rest (footprint.ts) and under calls.
import { createTokenIssuer } from '@gatehouse/testing'
import { calling2026 } from './calling.ts'
import { bareName } from './client-credentials.ts'
import { sampleFootprint } from './footprint.ts'
import { type McpServer, startGateway, upstreamCommand } from './gateways.ts'
import { processorTime, residentMemory } from './kernel.ts'
import { type Measurement, OptionError, parseOptions, type Row } from './measurement.ts'
import { compare, type Sample, spread } from './statistics.ts'

const calls = 50_000
const atOnce = 16
/** Milliseconds between two looks at the memory of a process that is asked. */
const lookEvery = 100

export const memory: Measurement = {
  about: 'how fast the services start, and their memory: at rest, and of the MCP server under calls',
  options: [
    '--minutes N   calls for so long, in the place of 50,000 calls',
    '--node TEXT   options of Node.js for the servers that are called, such as --node=--max-semi-space-size=4',
  ],
  async run(say, options) {
    const { until, node } = readOptions(options)
    const atRest = compare(await sampleFootprint(say, { warmUp: 1, rounds: 5 }), bareName)
    await using issuer = await createTokenIssuer()
    const servers: Readonly<Record<string, () => Promise<McpServer>>> = {
      'the demonstration, called': () => startGateway(issuer, { node }),
      'a gateway, called': () => startGateway(issuer, { node, upstream: upstreamCommand('2026', 10) }),
    }
    const called: Row[] = []
    for (const [of, start] of Object.entries(servers)) {
      say(of)
      await using server = await start()
      called.push({ of, figures: figuresOf(await load(server, until)) })
    }
    return [...atRest, ...called]
  },
}

/** Whether a load of so many calls and milliseconds has come to its end. */
type Until = (done: number, passed: number) => boolean

function readOptions(args: readonly string[]): { readonly until: Until; readonly node: readonly string[] } {
  const options = { minutes: { type: 'string' }, node: { type: 'string', multiple: true } } as const
  const { minutes, node = [] } = parseOptions(args, options)
  if (minutes === undefined) return { until: (done) => done >= calls, node }
  if (!(Number(minutes) > 0)) throw new OptionError('--minutes takes a number')
  return { until: (_, passed) => passed >= Number(minutes) * 60_000, node }
}

async function load(server: McpServer, until: Until): Promise<Sample> {
  await using connections = new AsyncDisposableStack()
  const { ask } = calling2026(connections, server)
  const [before, began] = [processorTime(server.pid), performance.now()]
  let done = 0
  let highest = 0
  const looking = setInterval(() => {
    highest = Math.max(highest, residentMemory(server.pid))
  }, lookEvery)
  const caller = async () => {
    while (!until(done, performance.now() - began)) {
      done += 1
      await ask(done)
    }
  }
  try {
    await Promise.all(Array.from({ length: atOnce }, caller))
  } finally {
    clearInterval(looking)
  }
  const processor = (processorTime(server.pid) - before) / done
  const atEnd = residentMemory(server.pid)
  return { 'VmRSS MB, the most': highest, 'VmRSS MB after the calls': atEnd, 'CPU ms a call': processor }
}

function figuresOf(sample: Sample): Row['figures'] {
  return Object.fromEntries(Object.entries(sample).map(([name, value]) => [name, spread([value])]))
}
