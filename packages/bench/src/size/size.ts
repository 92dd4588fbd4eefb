// What a request costs when the store is small and when it is large, and what a record takes there.
import { parseArgs } from 'node:util'
import { type Measurement, OptionError, type Row } from '../measurement.ts'
import { inRounds } from '../rounds.ts'
import { compare, type Sample, spread } from '../statistics.ts'
import { type Deployment, openDeployment, type StoreName } from './deployment.ts'
import { askAll } from './requests.ts'

const sizes = [100, 10_000, 1_000_000] as const
const stores: readonly StoreName[] = ['SQLite', 'Redis']
const roundCounts = { warmUp: 1, rounds: 5 }

export const size: Measurement = {
  about: 'what requests cost with 100, 10,000 and 1,000,000 grants, clients and waiting devices in the store',
  options: ['--most N       no store is larger', `--store NAME   ${stores.join(', ')}; may be given again`],
  async run(say, args) {
    const { most, chosen } = readOptions(args)
    const rows: Row[] = []
    for (const store of chosen) rows.push(...(await measure(store, most, say)))
    return rows
  },
}

function readOptions(args: readonly string[]): { readonly most: number; readonly chosen: readonly StoreName[] } {
  const parse = () => {
    try {
      const options = { most: { type: 'string' }, store: { type: 'string', multiple: true } } as const
      return parseArgs({ args: [...args], options }).values
    } catch (error) {
      throw new OptionError((error as Error).message)
    }
  }
  const { most: text = String(sizes.at(-1)), store = stores } = parse()
  const most = Number(text)
  if (!(most >= sizes[0])) throw new OptionError(`--most takes a number of ${sizes[0]} or more: "${text}" is not one`)
  const unknown = store.find((name) => !stores.some((known) => known === name))
  if (unknown !== undefined) throw new OptionError(`--store ${unknown}: there are ${stores.join(', ')}`)
  return { most, chosen: stores.filter((name) => store.includes(name)) }
}

async function measure(store: StoreName, most: number, say: (text: string) => void): Promise<readonly Row[]> {
  await using opened = new AsyncDisposableStack()
  const servers = new Map<string, Deployment>()
  for (const count of new Set(sizes.map((each) => Math.min(each, most)))) {
    const name = `${store}, ${count.toLocaleString('en')}`
    say(`${name}: filling the store`)
    const server = opened.use(await openDeployment(store, count))
    servers.set(name, server)
    for (const { kind, count, bytes, seconds } of server.filled)
      say(`  ${kind}: ${count} in ${seconds.toFixed(1)} s, ${bytes.toFixed(0)} bytes each`)
  }
  const { warmUp, rounds } = roundCounts
  say(`${store}: asking, ${warmUp + rounds} rounds`)
  const subjects = [...servers].map(([name, server]) => [name, () => askAll(server)] as const)
  const samples: Readonly<Record<string, readonly Sample[]>> = await inRounds(Object.fromEntries(subjects), roundCounts)
  const rows: Row[] = []
  for (const row of compare(samples, subjects[0]?.[0] ?? '')) {
    const server = servers.get(row.of)
    rows.push(server ? { ...row, figures: { ...row.figures, ...(await figuresOf(server)) } } : row)
  }
  return rows
}

async function figuresOf(server: Deployment): Promise<Row['figures']> {
  const { filled, start, redisUrl } = server
  const once = (name: string, value: number) => [name, spread([value])] as const
  const swept = redisUrl ? [] : await server.sweep()
  return Object.fromEntries([
    ...filled.map(({ kind, bytes }) => once(`bytes a ${kind}`, bytes)),
    ...filled.map(({ kind, seconds }) => once(`seconds of filling, ${kind}`, seconds)),
    once('start: seconds', start.seconds),
    once('start: CPU ms', start.processor),
    ...(redisUrl ? [once('start: CPU ms of Redis', start.ofRedis)] : []),
    ...swept.flatMap(({ kind, processor, waiting }) => [
      once(`${kind}: CPU µs`, processor),
      once(`${kind}: µs`, waiting),
    ]),
  ])
}
