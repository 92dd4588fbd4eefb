// Devices that wait, in a thread of their own: what they do must not delay the program that measures how long others wait.
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Caller, createCaller } from './caller.ts'
import { type Device, type PollAnswer, poll } from './devices.ts'

/** Seconds: RFC 8628 §3.5. */
const slowDownStep = 5

interface Work {
  readonly port: number
  readonly devices: readonly Device[]
  readonly cycle: number
}

/** How many polls were answered how since the start. */
export type Answers = Readonly<Record<PollAnswer, number>>

export interface WaitingDevices extends AsyncDisposable {
  readonly start: () => void
  /** Resolves once no device waits for an answer any more. Throws if there was an answer that no waiting device expects. */
  readonly stop: () => Promise<Answers>
}

/** @param cycle seconds from one poll of a device to its next one: over so many the first ones are spread. */
export function createWaitingDevices({ port }: Caller, devices: readonly Device[], cycle: number): WaitingDevices {
  const work: Work = { port, devices, cycle }
  const worker = new Worker(new URL(import.meta.url), { workerData: work })
  const failed = new Promise<never>((_, reject) => worker.once('error', reject))
  // told by stop()
  failed.catch(() => undefined)
  return {
    start: () => worker.postMessage('start'),
    async stop() {
      const answer = once(worker, 'message')
      worker.postMessage('stop')
      const [answers] = await Promise.race([answer, failed])
      return answers
    },
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  }
}

interface State {
  /** Milliseconds, of performance.now(). */
  readonly due: number
  /** Seconds. */
  readonly interval: number
}

/** The devices poll as RFC 8628 §3.5 says, the interval after each answer. */
function startPolling(caller: Caller, { devices, cycle }: Work, states: Map<Device, State>) {
  const stopping = new AbortController()
  const until = (time: number) =>
    wait(Math.max(0, time - performance.now()), undefined, { signal: stopping.signal }).catch(() => undefined)
  const began = performance.now()
  const answers = { authorization_pending: 0, slow_down: 0, unavailable: 0 }
  const waitAndPoll = async (device: Device, index: number) => {
    let { due, interval } = states.get(device) ?? { due: 0, interval: device.interval }
    await until(Math.max(began + (cycle * 1_000 * index) / devices.length, due))
    while (!stopping.signal.aborted) {
      const answer = await poll(caller, device)
      answers[answer] += 1
      if (answer === 'slow_down') interval += slowDownStep
      due = performance.now() + interval * 1_000
      states.set(device, { due, interval })
      await until(due)
    }
  }
  const all = Promise.all(devices.map(waitAndPoll))
  return {
    async stop(): Promise<Answers> {
      stopping.abort()
      await all
      return answers
    },
  }
}

if (!isMainThread) {
  const work = workerData as Work
  const caller = createCaller(work.port)
  const states = new Map<Device, State>()
  let polling: ReturnType<typeof startPolling> | undefined
  parentPort?.on('message', async (word: 'start' | 'stop') => {
    if (word === 'start') polling = startPolling(caller, work, states)
    else parentPort?.postMessage(await polling?.stop())
  })
}
