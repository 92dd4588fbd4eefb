import { expect, test } from 'vitest'
import { createTable, pathOf } from './table.ts'

const issuer = 'https://auth.example.com'
const at = (...resources: readonly string[]) =>
  createTable(
    resources.map((resource) => ({ resource })),
    issuer,
  )
const [tools, ledger, other] = [
  'https://mcp.example.com/tools',
  'https://mcp.example.com/ledger',
  'http://localhost:3000/tools',
]
const table = at(tools, ledger, other)

/** What is found, in a word. */
function found(host: string, path: string, among = table): string {
  const place = among.find(host, path)
  if (place.kind === 'endpoint') return place.endpoint.resource
  return place.kind === 'mirror' ? place.document : place.kind
}

test('an endpoint is found by its host and its path, spelled exactly, and nowhere else', () => {
  expect(found('mcp.example.com', '/tools')).toBe(tools)
  expect(found('mcp.example.com:443', '/ledger')).toBe(ledger)
  expect(found('localhost:3000', '/tools')).toBe(other)
  for (const [host, path] of [
    ['localhost:3000', '/ledger'],
    ['localhost', '/tools'],
    ['mcp.example.com:80', '/tools'],
    ['mcp.example.com', '/tools/'],
    ['mcp.example.com', '/Tools'],
    ['mcp.example.com', '/'],
    ['mcp.example.com', '//tools'],
    ['evil.example', '/tools'],
  ] as const)
    expect(found(host, path), host + path).toBe('nowhere')
  expect(table.find(undefined, '/tools').kind).toBe('nowhere')
})

test('a host knows the endpoints that are there', () => {
  expect(table.on('mcp.example.com')?.map(({ resource }) => resource)).toEqual([tools, ledger])
  expect(table.on('localhost:3000')?.map(({ resource }) => resource)).toEqual([other])
  expect(table.on('evil.example')).toBeUndefined()
  expect(table.on(undefined)).toBeUndefined()
})

test("copies of the issuer's metadata are found for each endpoint of the host, and for all under a name that is nobody's", () => {
  const [kind, discovery] = ['oauth-authorization-server', 'openid-configuration']
  expect(found('mcp.example.com', `/.well-known/${kind}`)).toBe(kind)
  expect(found('mcp.example.com', `/.well-known/${kind}/ledger`)).toBe(kind)
  expect(found('localhost:3000', `/tools/.well-known/${discovery}`)).toBe(discovery)
  expect(found('localhost:3000', `/ledger/.well-known/${discovery}`)).toBe('nowhere')
  expect(found('mcp:3000', `/ledger/.well-known/${discovery}`)).toBe(discovery)
})

test('keys that say who calls are under every host, and under a name that is nobody’s', () => {
  for (const host of ['mcp.example.com', 'mcp.example.com:443', 'localhost:3000', 'mcp:3000'])
    expect(table.find(host, '/.well-known/gatehouse/jwks.json').kind).toBe('keys')
  expect(table.find('mcp.example.com', '/tools/.well-known/gatehouse/jwks.json').kind).toBe('nowhere')
})

test('on the host of the issuer there are none: the issuer itself is asked', () => {
  const own = at('https://auth.example.com/mcp', other)
  expect(found('auth.example.com', '/.well-known/oauth-authorization-server', own)).toBe('nowhere')
  expect(found('localhost:3000', '/.well-known/oauth-authorization-server', own)).toBe('oauth-authorization-server')
})

test.each([
  ['/a%20b/mcp?x=/mcp#y', '/a b/mcp'],
  ['/%6Dcp', '/mcp'],
  ['/100%25', '/100%25'],
  ['/100%2525', '/100%2525'],
  ['/a%2Fb', '/a%2Fb'],
  ['/%zz', '/%zz'],
  ['*', '*'],
])('a path is compared as the router reads it: %s', (target, path) => {
  expect(pathOf(target)).toBe(path)
})
