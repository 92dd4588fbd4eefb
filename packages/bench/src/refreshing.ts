// Clients that renew their tokens, each in a sign-in of its own.
import { createPerson } from '@gatehouse/testing'
import { deviceGrant, type Server, terminal } from './servers.ts'

export interface SignIn {
  readonly clientId: string
  /** The one that is good now. */
  refreshToken: string
}

/** A device that registered itself, and that as many people approve. */
export async function signInOnDevices({ caller }: Server, people: number): Promise<readonly SignIn[]> {
  const issuer = `http://localhost:${caller.port}`
  const { client_id: _, ...metadata } = terminal
  const headers = { 'content-type': 'application/json' }
  const registered = await fetch(`${issuer}/register`, { method: 'POST', headers, body: JSON.stringify(metadata) })
  const { client_id: clientId } = (await registered.json()) as { readonly client_id: string }
  const signIns: SignIn[] = []
  for (let count = 0; count < people; count += 1) {
    const from = { 'x-forwarded-for': `10.9.0.${count}` }
    const asked = JSON.parse((await caller.post('/device_authorization', { client_id: clientId }, from)).text)
    const person = createPerson({ issuer })
    await person.enterCode(asked.user_code)
    await person.logIn(`person-${count}`)
    await person.approve()
    const form = { grant_type: deviceGrant, client_id: clientId, device_code: asked.device_code }
    const { text } = await caller.post('/token', form, from)
    signIns.push({ clientId, refreshToken: refreshTokenIn(text) })
  }
  return signIns
}

/** Throws if the tokens are not renewed. */
export async function refresh({ caller }: Server, signIn: SignIn): Promise<void> {
  const form = { grant_type: 'refresh_token', client_id: signIn.clientId, refresh_token: signIn.refreshToken }
  const { text } = await caller.post('/token', form)
  signIn.refreshToken = refreshTokenIn(text)
}

function refreshTokenIn(text: string): string {
  const { refresh_token: token } = JSON.parse(text)
  if (typeof token !== 'string') throw new Error(`There is no refresh token: ${text}`)
  return token
}
