// Devices that wait, in a thread of their own: what they do must not delay the program that measures how long others wait.
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Caller, createCaller } from './caller.ts'
import { type Device, pollPending } from './devices.ts'

interface Work {
  readonly port: number
  readonly devices: readonly Device[]
  readonly cycle: number
}

export interface WaitingDevices extends AsyncDisposable {
  readonly start: () => void
  /**
   * Resolves, once no device waits for an answer any more, with how many polls were answered with 503. Throws if there was
   * another answer than that and "pending".
   */
  readonly stop: () => Promise<number>
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
      const [refused] = await Promise.race([answer, failed])
      return refused
    },
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  }
}

/** The devices poll as RFC 8628 §3.5 says, the interval after each answer. */
function startPolling(caller: Caller, { devices, cycle }: Work, due: Map<Device, number>) {
  const stopping = new AbortController()
  const until = (time: number) =>
    wait(Math.max(0, time - performance.now()), undefined, { signal: stopping.signal }).catch(() => undefined)
  const began = performance.now()
  let refused = 0
  const poll = async (device: Device, index: number) => {
    await until(Math.max(began + (cycle * 1_000 * index) / devices.length, due.get(device) ?? 0))
    while (!stopping.signal.aborted) {
      if (!(await pollPending(caller, device))) refused += 1
      const next = performance.now() + device.interval * 1_000
      due.set(device, next)
      await until(next)
    }
  }
  const all = Promise.all(devices.map(poll))
  return {
    async stop(): Promise<number> {
      stopping.abort()
      await all
      return refused
    },
  }
}

if (!isMainThread) {
  const work = workerData as Work
  const caller = createCaller(work.port)
  const due = new Map<Device, number>()
  let polling: ReturnType<typeof startPolling> | undefined
  parentPort?.on('message', async (word: 'start' | 'stop') => {
    if (word === 'start') polling = startPolling(caller, work, due)
    else parentPort?.postMessage(await polling?.stop())
  })
}
