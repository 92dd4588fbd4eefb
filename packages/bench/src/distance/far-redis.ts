// A Redis that is some milliseconds away, and what a service asks of it: the order of its commands, without their values,
// and in how many round trips.
import { connect } from 'node:net'
import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { startTcpRelay } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { createCommandNames } from './command-names.ts'

/** Milliseconds: a timer of Node.js may be late by so much, and is never early by more. */
const timerGrain = 1.5
/** Milliseconds until Redis has told of a command that it answered. */
const tellingTime = 20

export interface Asked {
  /** Milliseconds until the answer. */
  readonly took: number
  /** How many answers of Redis had to be waited for one after the other. */
  readonly roundTrips: number
  /** Each script with the commands in it, and the kind of key: those together that came together. */
  readonly commands: readonly (readonly string[])[]
}

export interface FarRedis extends AsyncDisposable {
  readonly url: string
  /** What is asked of Redis until there is the answer, with so many milliseconds there and back. Nothing else may be under way. */
  readonly during: <T>(distance: number, request: () => Promise<T>) => Promise<Asked & { readonly answer: T }>
}

/** Outside of `during` there is no distance. */
export async function startFarRedis(target: string): Promise<FarRedis> {
  const { hostname, port } = new URL(target)
  let distance = 0
  // how many answers one after the other have come by now
  let answered = 0
  const hold = createDelay(() => distance / 2)
  const relay = await startTcpRelay({
    reach: () => connect({ host: hostname, port: Number(port), noDelay: true }),
    pass(client, upstream) {
      client.setNoDelay(true)
      // Redis answers in order: what it says belongs to what was handed on last
      let asked = 0
      client.on('data', (data) => {
        const trip = answered + 1
        hold(() => {
          asked = trip
          upstream.write(data)
        })
      })
      upstream.on('data', (data) => {
        const trip = asked
        hold(() => {
          answered = Math.max(answered, trip)
          client.write(data)
        })
      })
    },
  })
  const teller = new Redis(target)
  const monitor = await teller.monitor()
  let names = createCommandNames()
  monitor.on('monitor', (time: string, words: readonly string[], source: string) =>
    names.add(Number(time), words, source),
  )
  const url = new URL(target)
  url.host = `127.0.0.1:${relay.port}`

  return {
    url: url.href,
    async during(milliseconds, request) {
      await wait(tellingTime)
      names = createCommandNames()
      distance = milliseconds
      answered = 0
      const began = performance.now()
      const answer = await request().finally(() => {
        distance = 0
      })
      const took = performance.now() - began
      const roundTrips = answered
      await wait(tellingTime)
      return { answer, took, roundTrips, commands: names.inTrips(milliseconds / 2) }
    },
    async [Symbol.asyncDispose]() {
      monitor.disconnect()
      teller.disconnect()
      await relay.stop()
    },
  }
}

/** What is given to it is done later by as many milliseconds, in order. Exact to a tenth, which timers are not. */
function createDelay(time: () => number): (act: () => void) => void {
  const queue: { readonly due: number; readonly act: () => void }[] = []
  let isRunning = false
  const run = async () => {
    isRunning = true
    for (let first = queue[0]; first; first = queue[0]) {
      const rest = first.due - performance.now()
      if (rest <= 0) {
        queue.shift()
        first.act()
      } else if (rest > timerGrain) await wait(rest - timerGrain)
      else await setImmediate()
    }
    isRunning = false
  }
  return (act) => {
    queue.push({ due: performance.now() + time(), act })
    if (!isRunning) void run()
  }
}
