// A device at wire level (RFC 8628), for tests that need no client program: it registers itself, asks for a code and
// polls when it is told to.
import type { Stack } from '@gatehouse/testing'

export interface Device {
  readonly clientId: string
  readonly deviceCode: string
  readonly userCode: string
  /** The link with the code. */
  readonly link: string
  /** One request of the token endpoint: the answer as it is. */
  readonly poll: () => Promise<TokenAnswer>
}

export interface TokenAnswer {
  readonly status: number
  readonly error?: string
  readonly access_token?: string
  readonly refresh_token?: string
  readonly scope?: string
}

export interface DeviceOptions {
  readonly name?: string
  readonly scope?: string
}

export async function startDevice(
  { issuer, resource }: Pick<Stack, 'issuer' | 'resource'>,
  options: DeviceOptions = {},
): Promise<Device> {
  const { name = 'Test device', scope = 'mcp:tools:read mcp:tools:call' } = options
  const { client_id: clientId } = await json<{ client_id: string }>(
    await fetch(`${issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: name,
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: 'none',
      }),
    }),
  )
  const metadata = await json<{ device_authorization_endpoint: string; token_endpoint: string }>(
    await fetch(`${issuer}/.well-known/oauth-authorization-server`),
  )
  const asked = await json<{ device_code: string; user_code: string; verification_uri_complete: string }>(
    await fetch(metadata.device_authorization_endpoint, {
      method: 'POST',
      body: new URLSearchParams({ client_id: clientId, scope, resource }),
    }),
  )
  return {
    clientId,
    deviceCode: asked.device_code,
    userCode: asked.user_code,
    link: asked.verification_uri_complete,
    poll: async () => {
      const response = await fetch(metadata.token_endpoint, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
          client_id: clientId,
          device_code: asked.device_code,
          resource,
        }),
      })
      return { status: response.status, ...((await response.json()) as Omit<TokenAnswer, 'status'>) }
    },
  }
}

async function json<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
