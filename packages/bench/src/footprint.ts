// What a service takes that nobody asks anything: how long it starts, and its memory.
import { setTimeout as wait } from 'node:timers/promises'
import { createTokenIssuer, startProcess } from '@gatehouse/testing'
import { startSdkV2 } from './beside/mcp-servers.ts'
import { createCaller } from './caller.ts'
import { bareName } from './client-credentials.ts'
import { startGateway } from './gateways.ts'
import { residentMemory } from './kernel.ts'
import type { Say } from './measurement.ts'
import type { RoundsOptions } from './rounds.ts'
import { startBareProvider, startGatehouse } from './servers.ts'
import type { Sample } from './statistics.ts'

/** Milliseconds after it was ready. */
const rest = 5_000

interface Started extends AsyncDisposable {
  readonly pid: number
}

/** One starts after the other, so that each has the machine for itself meanwhile. The first rounds fill the kernel's caches. */
export async function sampleFootprint(say: Say, { warmUp, rounds }: RoundsOptions): Promise<Record<string, Sample[]>> {
  await build(say)
  await using issuer = await createTokenIssuer()
  const starts: Readonly<Record<string, () => Promise<Started>>> = {
    [bareName]: async () => answering(await startBareProvider(), '/.well-known/openid-configuration'),
    'Gatehouse, SQLite': startGatehouse,
    'Gatehouse, SQLite, as in an image': () => startGatehouse({ built: true }),
    'SDK v2, no guard': async () => answering(await startSdkV2(), '/mcp'),
    'the demonstration': () => startGateway(issuer),
    'the demonstration, as in an image': () => startGateway(issuer, { built: true }),
  }
  const names = Object.keys(starts)
  const samples: Record<string, Sample[]> = Object.fromEntries(names.map((name) => [name, []]))
  say(`starting services, ${warmUp + rounds} rounds`)
  for (let round = 0; round < warmUp + rounds; round += 1) {
    await using running = new AsyncDisposableStack()
    const resting: Promise<void>[] = []
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const began = performance.now()
      const started = running.use((await starts[name]?.()) as Started)
      const untilReady = performance.now() - began
      const look = async () => {
        await wait(rest)
        const sample = { 'ms until it is ready': untilReady, 'VmRSS MB at rest': residentMemory(started.pid) }
        if (round >= warmUp) samples[name]?.push(sample)
      }
      resting.push(look())
    }
    await Promise.all(resting)
  }
  return samples
}

async function build(say: Say): Promise<void> {
  say('compiling what images have')
  await using compiler = startProcess(['node_modules/typescript/bin/tsc', '-b', 'apps/auth', 'apps/mcp'])
  const { code } = await compiler.exited
  if (code !== 0) throw new Error(`The services do not compile:\n${compiler.output()}`)
}

/** Until it has answered once, whatever it says. */
async function answering<
  T extends Started & ({ readonly url: string } | { readonly caller: { readonly port: number } }),
>(started: T, path: string): Promise<T> {
  using caller = createCaller('url' in started ? Number(new URL(started.url).port) : started.caller.port)
  await caller.get(path)
  return started
}
