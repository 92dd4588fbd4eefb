// Devices with bare HTTP: each of their requests ends after a time-out of their own, as with `timeout=5` of Python's urllib.
import type { Site, StartedLogin } from './client.ts'
import type { pollWithPauses } from './device.ts'
import { deviceGrant, deviceScope, metadataOf, started } from './device.ts'

export interface PlainDevice {
  readonly name: string
  /** Of each request, in milliseconds. */
  readonly timeout: number
  readonly poll: typeof pollWithPauses
}

export async function logInPlainly(
  { name, timeout, poll }: PlainDevice,
  { issuer, resource }: Site,
): Promise<StartedLogin> {
  const stop = new AbortController()
  const ask = async <T>(path: string, init: RequestInit) => {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(timeout)])
    const response = await fetch(`${issuer}${path}`, { method: 'POST', ...init, signal })
    return (await response.json()) as T & { readonly error?: string }
  }
  const headers = { 'content-type': 'application/json' }
  const registration = { headers, body: JSON.stringify(metadataOf(name)) }
  const { client_id } = await ask<{ client_id: string }>('/register', registration)
  const answer = await ask<{ device_code: string; user_code: string; interval?: number }>('/device_authorization', {
    body: new URLSearchParams({ client_id, scope: deviceScope, resource }),
  })
  const fields = { grant_type: deviceGrant, client_id, device_code: answer.device_code, resource }
  const askForToken = async () => {
    try {
      return (await ask('/token', { body: new URLSearchParams(fields) })).error
    } catch (error) {
      // nobody knows yet: it asks again
      if (error instanceof DOMException && error.name === 'TimeoutError') return 'authorization_pending'
      throw error
    }
  }
  return started(answer.user_code, poll(answer.interval, askForToken, stop.signal), stop)
}
