// Devices at wire level (RFC 8628), which nobody approves.
import { DEVICE_GRANT, type Server, terminal } from './servers.ts'

/** Codes that one network asks for. Of more, less than a few thousand networks could have some: limits/matrix.ts. */
const CODES_A_NETWORK = 5

/** As many device codes, asked for from many addresses. */
export async function askForCodes(
  { caller, deviceAuthorization }: Server,
  count: number,
  firstNetwork = 0,
): Promise<readonly string[]> {
  const codes: string[] = []
  while (codes.length < count) {
    const network = firstNetwork + Math.floor(codes.length / CODES_A_NETWORK)
    const address = `10.${network >> 16}.${(network >> 8) & 255}.${network & 255}`
    const form = { client_id: terminal.client_id }
    const { status, text } = await caller.post(deviceAuthorization, form, { 'x-forwarded-for': address })
    if (status !== 200) throw new Error(`No device code: ${status} ${text}`)
    codes.push(JSON.parse(text).device_code)
  }
  return codes
}

/** One poll. Throws unless nobody has decided yet. */
async function pollPending({ caller }: Server, code: string): Promise<void> {
  const form = { grant_type: DEVICE_GRANT, client_id: terminal.client_id, device_code: code }
  const { status, text } = await caller.post('/token', form)
  if (status !== 400 || JSON.parse(text).error !== 'authorization_pending')
    throw new Error(`A poll was answered by ${status} ${text}`)
}

/** Polls for each of the codes once, `atOnce` at a time. */
export async function pollEach(server: Server, codes: readonly string[], atOnce: number): Promise<void> {
  const left = codes.values()
  const next = async () => {
    for (const code of left) await pollPending(server, code)
  }
  await Promise.all(Array.from({ length: atOnce }, next))
}
