// The table of grants and the engine: what one says of the other.
import { type Adapter, type Configuration, Provider } from 'oidc-provider'
import { expect, test, vi } from 'vitest'
import { nominalKeys } from '../../keys/signing-keys.ts'
import type { Grant } from './grant.ts'
import { grants } from './index.ts'
import { createEngineWith } from './registration.ts'

const configuration = (): Configuration => ({
  adapter: () => ({}) as Adapter,
  jwks: { keys: [...nominalKeys] },
  cookies: { keys: ['the keys of the cookies of this test'] },
  responseTypes: ['code'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://mcp.example/',
      getResourceServerInfo: vi.fn(),
    },
  },
})
const parts = {
  policy: { redirectSchemes: new Set<string>(), unverified: 'allow' },
  reuseGrace: { wrap: (handler: never) => handler },
} as const
const make = (table: readonly Grant[]) => createEngineWith(table, parts, 'https://auth.example', configuration())

test('the parameters of a row are those that the engine reads for this grant', () => {
  const read = new Map<string, readonly string[]>()
  class ListeningProvider extends Provider {
    override registerGrantType(name: string, _handler: never, parameters?: string | Iterable<string>): void {
      read.set(name, [...(parameters ?? [])].sort())
    }
  }
  new ListeningProvider('https://auth.example', configuration())
  expect(new Map(grants.map(({ name, parameters }) => [name, [...parameters].sort()]))).toEqual(read)
})

test('a grant that the engine does not have is a row with a handler', () => {
  const register = vi.spyOn(Provider.prototype, 'registerGrantType')
  const name = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  make([...grants, { name, parameters: ['assertion'], mayUse: () => true, handle: vi.fn() }])
  expect(register).toHaveBeenLastCalledWith(name, expect.any(Function), ['assertion'], 'resource')
})

test('a row and an engine that disagree are a fault that names the grant', () => {
  const name = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  expect(() => make([...grants, { name, parameters: [], mayUse: () => true }])).toThrow(name)
  expect(() => make(grants.slice(1))).toThrow('authorization_code')
})
