// Devices at wire level (RFC 8628), which nobody approves.
import { setTimeout as wait } from 'node:timers/promises'
import { DEVICE_GRANT, type Server, terminal } from './servers.ts'

/** Codes that one network asks for. Of more, less than a few thousand networks could have some: limits/matrix.ts. */
const CODES_A_NETWORK = 5

export interface Device {
  readonly code: string
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
    devices.push({ code, interval })
  }
  return devices
}

/** One poll. Throws unless nobody has decided yet. */
async function pollPending({ caller }: Server, { code }: Device): Promise<void> {
  const form = { grant_type: DEVICE_GRANT, client_id: terminal.client_id, device_code: code }
  const { status, text } = await caller.post('/token', form)
  if (status !== 400 || JSON.parse(text).error !== 'authorization_pending')
    throw new Error(`A poll was answered by ${status} ${text}`)
}

/** Each of the devices polls once, `atOnce` at a time. */
export async function pollEach(server: Server, devices: readonly Device[], atOnce: number): Promise<void> {
  const left = devices.values()
  const next = async () => {
    for (const device of left) await pollPending(server, device)
  }
  await Promise.all(Array.from({ length: atOnce }, next))
}

export interface Waiting {
  /** Resolves once no device waits for an answer any more. Throws if one got another answer than "pending". */
  readonly stop: () => Promise<void>
}

/** The devices poll as RFC 8628 §3.5 says, the interval after each answer. The first polls are spread over an interval. */
export function startWaiting(server: Server, devices: readonly Device[]): Waiting {
  const stopping = new AbortController()
  const { signal } = stopping
  const pause = (seconds: number) => wait(seconds * 1_000, undefined, { signal }).catch(() => undefined)
  const poll = async (device: Device, index: number) => {
    await pause((device.interval * index) / devices.length)
    while (!signal.aborted) {
      await pollPending(server, device)
      await pause(device.interval)
    }
  }
  const all = Promise.all(devices.map(poll))
  // told by stop()
  all.catch(() => undefined)
  return {
    async stop() {
      stopping.abort()
      await all
    },
  }
}
