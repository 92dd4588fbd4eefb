// The flows from beginning to end, for tests that are about something else than the flow itself.
import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { AuthServer } from './auth-server.ts'
import type { Browser } from './browser.ts'
import { deviceGrant, terminal } from './clients.ts'
import { evidence } from './evidence.ts'
import type { Answer, Headers } from './http.ts'

export interface DeviceRequest {
  readonly deviceCode: string
  readonly userCode: string
  readonly poll: (extra?: Readonly<Record<string, string>>, headers?: Headers) => Promise<Answer>
}

/** Asks for a device code, as {@link terminal} unless told otherwise. */
export async function askAsDevice(
  server: AuthServer,
  fields: Readonly<Record<string, string>> = {},
  headers?: Headers,
): Promise<DeviceRequest> {
  const clientId = fields.client_id ?? terminal.client_id
  const { status, json, text } = await server.post('/device_authorization', { client_id: clientId, ...fields }, headers)
  expect(status, text).toBe(200)
  const { device_code: deviceCode = '', user_code: userCode = '' } = json
  return {
    deviceCode,
    userCode,
    poll: (extra = {}, more) =>
      server.token({ grant_type: deviceGrant, device_code: deviceCode, client_id: clientId, ...extra }, more),
  }
}

/** A device code that `name` has just approved. */
export async function approvedDevice(
  server: AuthServer,
  fields?: Readonly<Record<string, string>>,
  name = 'ada',
): Promise<DeviceRequest> {
  const device = await askAsDevice(server, fields)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  await browser.logIn(name)
  const { heading } = await browser.approve()
  expect(heading).toBe('You are signed in on your device')
  return device
}

/** The tokens of a device that `name` approved. */
export async function logInOnDevice(
  server: AuthServer,
  fields?: Readonly<Record<string, string>>,
  name?: string,
): Promise<Answer['json']> {
  const device = await approvedDevice(server, fields, name)
  const { status, json, text } = await device.poll()
  expect(status, text).toBe(200)
  return json
}

export const loopback = 'http://127.0.0.1:8917/callback'

export function createPkce(): { readonly verifier: string; readonly challenge: string } {
  const verifier = randomBytes(32).toString('base64url')
  evidence.plant('code_verifier', verifier)
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** The path of an authorization request that is right in every way; `undefined` takes a parameter out. */
export function authorizePath(challenge: string, changes: Readonly<Record<string, string | undefined>> = {}): string {
  const parameters = {
    client_id: terminal.client_id,
    redirect_uri: loopback,
    response_type: 'code',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'state-of-the-app',
    ...changes,
  }
  const query = new URLSearchParams(
    Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
  return `/authorize?${query}`
}

export interface CodeLogin {
  readonly code: string
  readonly verifier: string
  readonly redirectUri: string
  readonly redeem: (changes?: Readonly<Record<string, string>>, headers?: Headers) => Promise<Answer>
}

/** Goes through sign-in and consent in the browser, up to the code. */
export async function obtainCode(
  server: AuthServer,
  {
    changes = {},
    name = 'ada',
    browser = server.openBrowser(),
  }: { changes?: Readonly<Record<string, string>>; name?: string; browser?: Browser } = {},
): Promise<CodeLogin> {
  const { verifier, challenge } = createPkce()
  await browser.open(authorizePath(challenge, changes))
  if (browser.page.heading === 'Sign in') await browser.logIn(name)
  const { leftTo, text } = await browser.approve()
  const code = leftTo?.searchParams.get('code') ?? ''
  expect(code, text).not.toBe('')
  const clientId = changes.client_id ?? terminal.client_id
  const redirectUri = changes.redirect_uri ?? loopback
  const fields = {
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: redirectUri,
  }
  return {
    code,
    verifier,
    redirectUri,
    redeem: (extra = {}, headers) => server.token({ ...fields, ...extra }, headers),
  }
}

export function refresh(
  server: AuthServer,
  refreshToken: string | undefined,
  fields: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return server.token({
    grant_type: 'refresh_token',
    client_id: terminal.client_id,
    refresh_token: refreshToken ?? '',
    ...fields,
  })
}

/** What an OAuth error is, apart from its words: status, code, and that nobody may keep it. */
export function errorOf({ status, headers, json }: Answer): {
  readonly status: number
  readonly error: unknown
  readonly cache: unknown
} {
  return { status, error: json.error, cache: headers['cache-control'] }
}

export const refused = (status: number, error: string) => ({ status, error, cache: 'no-store' })
