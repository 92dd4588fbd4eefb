import { expect, test } from 'vitest'
import { answerMetadata, type ResourceMetadata } from './metadata.ts'

const of = (resource: string): ResourceMetadata => ({
  resource,
  authorizationServers: ['https://as.example'],
  scopes: ['a'],
})
const read = (all: readonly string[], path: string, host?: string) =>
  answerMetadata(all.map(of), { method: 'GET', url: path, headers: host === undefined ? [] : [['Host', host]] })?.body
    ?.resource

const root = '/.well-known/oauth-protected-resource'

test('one resource is at its own place and at the root, under any name', () => {
  for (const host of ['api.example.com', 'evil.example', undefined]) {
    expect(read(['https://api.example.com/mcp'], `${root}/mcp`, host)).toBe('https://api.example.com/mcp')
    expect(read(['https://api.example.com/mcp'], root, host)).toBe('https://api.example.com/mcp')
    expect(read(['https://api.example.com'], `${root}?x=1`, host)).toBe('https://api.example.com')
  }
})

test('paths are compared as they stand', () => {
  const odd = 'https://api.example.com/a%20b/:id/*'
  expect(read([odd], `${root}/a%20b/:id/*`)).toBe(odd)
  for (const path of ['/a b/:id/*', '/a%20b/1/2', '/A%20B/:id/*', '/a%20b/:id/*/'])
    expect(read([odd], root + path)).toBe(undefined)
})

test('the root has a document where one host has one resource', () => {
  const all = ['https://a.example/one', 'https://b.example/one', 'https://b.example/two']
  expect(read(all, root, 'a.example')).toBe('https://a.example/one')
  expect(read(all, root, 'b.example')).toBe(undefined)
  expect(read(all, root, 'c.example')).toBe(undefined)
})

test('one path on two hosts is told apart by the host', () => {
  const all = ['https://a.example/mcp', 'https://b.example:8443/mcp']
  expect(read(all, `${root}/mcp`, 'A.example')).toBe('https://a.example/mcp')
  expect(read(all, `${root}/mcp`, 'b.example:8443')).toBe('https://b.example:8443/mcp')
  expect(read(all, `https://b.example:8443${root}/mcp`)).toBe('https://b.example:8443/mcp')
  expect(read(all, `${root}/mcp`, 'b.example')).toBe(undefined)
  expect(read(all, `${root}/mcp`)).toBe(undefined)
})
