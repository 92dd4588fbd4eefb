// Devices at wire level (RFC 8628), which nobody approves.
import { forEach } from './at-once.ts'
import type { Caller } from './caller.ts'
import { deviceGrant, type Server, terminal } from './servers.ts'

/** Codes that one network asks for. Of more, less than a few thousand networks could have some: limits/matrix.ts. */
const codesANetwork = 5
const askedAtOnce = 8

export interface Device {
  readonly code: string
  /** Where it asks from, as the proxy says. */
  readonly address: string
  /** Seconds that it was told to wait between two polls. */
  readonly interval: number
}

/** As many devices with a code, asked for from many addresses. */
export async function askForCodes(server: Server, count: number): Promise<readonly Device[]> {
  const numbers = Array.from({ length: count }, (_, index) => index)
  const devices: Device[] = []
  await forEach(numbers, askedAtOnce, async (number) => void devices.push(await askForCode(server, number)))
  return devices
}

async function askForCode({ caller, deviceAuthorization }: Server, number: number): Promise<Device> {
  const network = Math.floor(number / codesANetwork)
  const address = `10.${network >> 16}.${(network >> 8) & 255}.${network & 255}`
  const form = { client_id: terminal.client_id }
  const { status, text } = await caller.post(deviceAuthorization, form, { 'x-forwarded-for': address })
  if (status !== 200) throw new Error(`No device code: ${status} ${text}`)
  const { device_code: code, interval } = JSON.parse(text)
  return { code, address, interval }
}

/** `unavailable`: the store did not answer the server in time. */
export type PollAnswer = 'authorization_pending' | 'slow_down' | 'unavailable'

/** One poll. Throws if it is answered otherwise. */
export async function poll(caller: Caller, { code, address }: Device): Promise<PollAnswer> {
  const form = { grant_type: deviceGrant, client_id: terminal.client_id, device_code: code }
  const { status, text } = await caller.post('/token', form, { 'x-forwarded-for': address })
  if (status === 503) return 'unavailable'
  const { error } = JSON.parse(text)
  if (status === 400 && (error === 'authorization_pending' || error === 'slow_down')) return error
  throw new Error(`A poll was answered by ${status} ${text}`)
}

/** Each of the devices polls once, `atOnce` at a time. Throws unless nobody has decided for any of them. */
export async function pollEach(server: Server, devices: readonly Device[], atOnce: number): Promise<void> {
  await forEach(devices, atOnce, async (device) => {
    const answer = await poll(server.caller, device)
    if (answer !== 'authorization_pending') throw new Error(`A poll was answered by ${answer}`)
  })
}
