// What only an operator can grant a client is taken from the operator's file and from nowhere else.
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { normaliseClient } from './clients.ts'
import { githubDeviceFlow, registrationMember, resourceServer, scopeLimit } from './own-metadata.ts'

const policy = { redirectSchemes: [], unverified: 'allow' } as unknown as Parameters<typeof normaliseClient>[2]
const wanted = {
  [githubDeviceFlow]: true,
  [resourceServer]: 'http://localhost:3000/mcp',
  [scopeLimit]: 'mcp:tools:read',
}
const metadata = (registration: string) => ({
  client_id: 'https://evil.example/app',
  client_name: 'App',
  redirect_uris: ['https://evil.example/callback'],
  token_endpoint_auth_method: 'none',
  [registrationMember]: registration,
  ...wanted,
})

verifies('N9', 'neither a registration nor a client document can turn the relay of GitHub on for itself', () => {
  for (const registration of ['dynamic', 'document', 'nonsense']) {
    const client: Record<string, unknown> = metadata(registration)
    normaliseClient(undefined, client, policy)
    for (const name of Object.keys(wanted)) expect(client, `${registration}: ${name}`).not.toHaveProperty([name])
  }
})

test('the operator can', () => {
  const client: Record<string, unknown> = metadata('static')
  normaliseClient(undefined, client, policy)
  expect(client).toMatchObject(wanted)
})
