// Devices at wire level (RFC 8628), which nobody approves.
import { setTimeout as wait } from 'node:timers/promises'
import { DEVICE_GRANT, type Server, terminal } from './servers.ts'

/** Codes that one network asks for. Of more, less than a few thousand networks could have some: limits/matrix.ts. */
const CODES_A_NETWORK = 5

export interface Device {
  readonly code: string
  /** Where it asks from, as the proxy says. */
  readonly address: string
  /** Seconds that it was told to wait between two polls. */
  readonly interval: number
}

/** As many devices with a code, asked for from many addresses. */
export async function askForCodes({ caller, deviceAuthorization }: Server, count: number): Promise<readonly Device[]> {
  const devices: Device[] = []
  while (devices.length < count) {
    const network = Math.floor(devices.length / CODES_A_NETWORK)
    const address = `10.${network >> 16}.${(network >> 8) & 255}.${network & 255}`
    const form = { client_id: terminal.client_id }
    const { status, text } = await caller.post(deviceAuthorization, form, { 'x-forwarded-for': address })
    if (status !== 200) throw new Error(`No device code: ${status} ${text}`)
    const { device_code: code, interval } = JSON.parse(text)
    devices.push({ code, address, interval })
  }
  return devices
}

/** Milliseconds, of performance.now(): when a device got its last answer. */
const answered = new WeakMap<Device, number>()

/** One poll. Throws unless nobody has decided yet; false if the store did not answer the server in time. */
async function pollPending({ caller }: Server, device: Device): Promise<boolean> {
  const form = { grant_type: DEVICE_GRANT, client_id: terminal.client_id, device_code: device.code }
  const { status, text } = await caller.post('/token', form, { 'x-forwarded-for': device.address })
  answered.set(device, performance.now())
  if (status === 503) return false
  if (status === 400 && JSON.parse(text).error === 'authorization_pending') return true
  throw new Error(`A poll was answered by ${status} ${text}`)
}

/** Each of the devices polls once, `atOnce` at a time. */
export async function pollEach(server: Server, devices: readonly Device[], atOnce: number): Promise<void> {
  const left = devices.values()
  const next = async () => {
    for (const device of left) {
      if (!(await pollPending(server, device))) throw new Error('The store did not answer in time')
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
}

export interface Waiting {
  /**
   * Resolves, once no device waits for an answer any more, with how many polls were answered with 503. Throws if there was
   * another answer than that and "pending".
   */
  readonly stop: () => Promise<number>
}

/**
 * The devices poll as RFC 8628 §3.5 says, the interval after each answer.
 *
 * @param cycle seconds from one poll of a device to its next one: over so many the first ones are spread.
 */
export function startWaiting(server: Server, devices: readonly Device[], cycle: number): Waiting {
  const stopping = new AbortController()
  const { signal } = stopping
  const pause = (time: number) => wait(Math.max(0, time), undefined, { signal }).catch(() => undefined)
  const untilDue = (device: Device) => (answered.get(device) ?? 0) + device.interval * 1_000 - performance.now()
  let refused = 0
  const poll = async (device: Device, index: number) => {
    await pause(Math.max((cycle * 1_000 * index) / devices.length, untilDue(device)))
    while (!signal.aborted) {
      if (!(await pollPending(server, device))) refused += 1
      await pause(untilDue(device))
    }
  }
  const all = Promise.all(devices.map(poll))
  // told by stop()
  all.catch(() => undefined)
  return {
    async stop() {
      stopping.abort()
      await all
      return refused
    },
  }
}
