// What the process of a service takes: the time until it is ready, and its memory, at rest and under calls.
import { setTimeout as wait } from 'node:timers/promises'
import { createTokenIssuer } from '@gatehouse/testing'
import { calling2026 } from './calling.ts'
import { type McpServer, startGateway, upstreamCommand } from './gateways.ts'
import { processorTime, residentMemory } from './kernel.ts'
import { type Measurement, OptionError, parseOptions, type Row } from './measurement.ts'
import { startGatehouse } from './servers.ts'
import { type Sample, spread } from './statistics.ts'

const starts = 3
/** Milliseconds from "ready" to the look at what is at rest. */
const rest = 5_000
const calls = 50_000
const atOnce = 16
/** Milliseconds between two looks at the memory of a process that is asked. */
const lookEvery = 100

export const memory: Measurement = {
  about: 'how fast the services start, and their memory: at rest, and of the MCP server under calls',
  options: [
    '--minutes N   calls for so long, in the place of 50,000 calls',
    '--node TEXT   options of Node.js for the services, such as --node=--max-semi-space-size=4',
  ],
  async run(say, options) {
    const { until, node } = readOptions(options)
    await using issuer = await createTokenIssuer()
    const services: Readonly<Record<string, () => Promise<Started | McpServer>>> = {
      'authorization server': () => startGatehouse({ env: { NODE_OPTIONS: node.join(' ') } }),
      'MCP server, the demonstration': () => startGateway(issuer, { node }),
      'MCP server, a gateway': () => startGateway(issuer, { node, upstream: upstreamCommand('2026', 10) }),
    }
    const rows: Row[] = []
    for (const [of, start] of Object.entries(services)) {
      say(`${of}: ${starts} starts`)
      const samples: Sample[] = []
      for (let count = 1; count <= starts; count += 1) {
        const began = performance.now()
        await using service = await start()
        const ready = performance.now() - began
        const processor = processorTime(service.pid)
        await wait(rest)
        const atRest = residentMemory(service.pid)
        samples.push({ 'ms until ready': ready, 'CPU ms until ready': processor, 'VmRSS MB at rest': atRest })
        if (count < starts || !('tool' in service)) continue
        say(`${of}: calls`)
        samples.push(await load(service, until))
      }
      rows.push({ of, figures: figuresOf(samples) })
    }
    return rows
  },
}

interface Started extends AsyncDisposable {
  readonly pid: number
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

/** The starts have other figures than the load. */
function figuresOf(samples: readonly Sample[]): Row['figures'] {
  const names = new Set(samples.flatMap((sample) => Object.keys(sample)))
  const values = (name: string) => samples.flatMap((sample) => sample[name] ?? [])
  return Object.fromEntries([...names].map((name) => [name, spread(values(name))]))
}
