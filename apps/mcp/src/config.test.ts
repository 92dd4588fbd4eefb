import { expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { ConfigError } from './errors.ts'

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

test('an empty environment runs on this machine alone, and says which defaults it uses', () => {
  expect(readConfig({})).toEqual({
    resource: 'http://localhost:3000/mcp',
    issuer: 'http://localhost:4000',
    jwksUrl: undefined,
    development: true,
    allowedOrigins: [],
    host: 'localhost',
    port: 3000,
    logLevel: 'info',
    trustProxy: [],
    developmentDefaults: ['MCP_RESOURCE_URL', 'MCP_ISSUER'],
  })
})

test('an empty variable is one that is not set', () => {
  expect(readConfig({ MCP_RESOURCE_URL: '', PORT: '', TRUST_PROXY: '', MCP_JWKS_URL: '' })).toEqual(readConfig({}))
})

test('a public service listens on all addresses', () => {
  const env = { MCP_RESOURCE_URL: 'https://mcp.example.com/mcp', MCP_ISSUER: 'https://auth.example.com' }
  expect(readConfig(env)).toMatchObject({ host: '0.0.0.0', development: false, developmentDefaults: [] })
})

test('an issuer is taken as it is: one with a path or a slash at the end is another issuer', () => {
  const resource = { MCP_RESOURCE_URL: 'https://mcp.example.com/mcp' }
  for (const MCP_ISSUER of ['https://idp.example.com/realms/a', 'https://tenant.example.com/']) {
    expect(readConfig({ ...resource, MCP_ISSUER }).issuer).toBe(MCP_ISSUER)
  }
})

test('every fault is told at once', () => {
  const faults = faultsOf({
    MCP_RESOURCE_URL: 'http://mcp.example.com/mcp',
    MCP_ISSUER: 'auth.example.com',
    MCP_JWKS_URL: '/jwks',
    MCP_ALLOWED_ORIGINS: 'https://ok.example, https://app.example.com/, *',
    PORT: '70000',
    LOG_LEVEL: 'loud',
    TRUST_PROXY: '10.0.0.0/8, 10.0.0.0/33, proxy',
  })
  expect(faults).toEqual([
    'MCP_RESOURCE_URL must be https unless it is a loopback address.',
    'MCP_ISSUER must be an http or https URL.',
    'MCP_JWKS_URL must be an http or https URL.',
    'MCP_ALLOWED_ORIGINS: "https://app.example.com/" is no origin, such as https://app.example.com.',
    'MCP_ALLOWED_ORIGINS: "*" is no origin, such as https://app.example.com.',
    'PORT must be a port number from 0 to 65535.',
    'TRUST_PROXY: "10.0.0.0/33" is neither an address nor a CIDR block.',
    'TRUST_PROXY: "proxy" is neither an address nor a CIDR block.',
    'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent.',
  ])
})

test.each([
  ['http://LOCALHOST:3000/mcp', 'http://localhost:3000/mcp'],
  ['https://mcp.example.com:443/mcp', 'https://mcp.example.com/mcp'],
  ['https://mcp.example.com/a/../mcp', 'https://mcp.example.com/mcp'],
])('%s is not its normal form', (value, normal) => {
  const faults = faultsOf({ MCP_RESOURCE_URL: value, MCP_ISSUER: 'http://localhost:4000' })
  expect(faults).toEqual([`MCP_RESOURCE_URL must be in its normal form: did you mean ${normal}?`])
})

test.each(['https://u:p@mcp.example.com/mcp', 'https://mcp.example.com/mcp?a=b', 'https://mcp.example.com/mcp#x'])(
  '%s is no resource',
  (value) =>
    expect(faultsOf({ MCP_RESOURCE_URL: value })).toContain(
      'MCP_RESOURCE_URL must have no user name, query or fragment.',
    ),
)

test('production does not run on defaults', () => {
  expect(faultsOf({ NODE_ENV: 'production' })).toEqual([
    'MCP_RESOURCE_URL must be set in production.',
    'MCP_ISSUER must be set in production.',
  ])
  expect(faultsOf({ MCP_ISSUER: 'https://auth.example.com' })).toEqual(['MCP_RESOURCE_URL must be set in production.'])
})
