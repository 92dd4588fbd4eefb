// Devices at wire level (RFC 8628), which nobody approves.
import type { Caller } from './caller.ts'
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

/** One poll. Throws unless nobody has decided yet; false if the store did not answer the server in time. */
export async function pollPending(caller: Caller, device: Device): Promise<boolean> {
  const form = { grant_type: DEVICE_GRANT, client_id: terminal.client_id, device_code: device.code }
  const { status, text } = await caller.post('/token', form, { 'x-forwarded-for': device.address })
  if (status === 503) return false
  if (status === 400 && JSON.parse(text).error === 'authorization_pending') return true
  throw new Error(`A poll was answered by ${status} ${text}`)
}

/** Each of the devices polls once, `atOnce` at a time. */
export async function pollEach(server: Server, devices: readonly Device[], atOnce: number): Promise<void> {
  const left = devices.values()
  const next = async () => {
    for (const device of left) {
      if (!(await pollPending(server.caller, device))) throw new Error('The store did not answer in time')
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
}
