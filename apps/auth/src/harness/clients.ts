// The clients that an operator registered with the servers of the tests.

import { deviceCodeGrant } from '@gatehouse/shared'

export interface ClientMetadata {
  readonly client_id: string
  readonly client_secret?: string
  readonly [member: string]: unknown
}

export const deviceGrant = deviceCodeGrant

/** A public client of a terminal: device login, and a browser login that returns to this computer. */
export const terminal = {
  client_id: 'terminal',
  client_name: 'Terminal',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token', deviceGrant],
  redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback', 'http://[::1]/callback'],
} as const satisfies ClientMetadata

/** The same for somebody else. */
export const otherTerminal = {
  ...terminal,
  client_id: 'other-terminal',
  client_name: 'Other terminal',
} as const satisfies ClientMetadata

/** A confidential client with a server of its own. */
export const website = {
  client_id: 'website',
  client_name: 'Website',
  client_secret: 'secret-of-the-website-0123456789',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://app.example.com/callback'],
} as const satisfies ClientMetadata

/** Acts for itself, and may only read. */
export const robot = {
  client_id: 'robot',
  client_secret: 'secret-of-the-robot-0123456789',
  grant_types: ['client_credentials'],
  scope: 'mcp:tools:read',
} as const satisfies ClientMetadata

/** Acts for itself, without a limit of its own. */
export const worker = {
  client_id: 'worker',
  client_secret: 'secret of the worker: +&%=/ 0123456789',
  token_endpoint_auth_method: 'client_secret_post',
  grant_types: ['client_credentials'],
} as const satisfies ClientMetadata

export const staticClients: readonly ClientMetadata[] = [terminal, otherTerminal, website, robot, worker]

/** RFC 6749 §2.3.1: id and secret are form-encoded before they go into the header. */
export function basic({ client_id: id, client_secret: secret = '' }: ClientMetadata): {
  readonly authorization: string
} {
  const encode = (value: string) => encodeURIComponent(value).replaceAll('%20', '+')
  return { authorization: `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}` }
}
