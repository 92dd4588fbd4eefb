import { fastify } from 'fastify'
import { expect, test } from 'vitest'
import { literalRoute } from './literal-route.ts'

/** Paths as a URL has them. */
const served = [
  '/mcp',
  '/a%20b/mcp',
  '/m%C3%BCnchen/mcp',
  '/a::b/mcp',
  '/a:b:c/:d',
  '/projects/p1:mcp',
  '/:mcp',
  '/100%25/mcp',
  '/100%2525',
  '/100%252F',
  '/(a)/[b]+$.',
  '/:x(.+)/mcp',
  '//mcp',
  '/mcp/',
]

test('a path is served as it stands, and no other one with it', async () => {
  for (const path of served) {
    expect(new URL(path, 'http://x.example').pathname === path || path === '//mcp').toBe(true)
    const app = fastify({ routerOptions: { maxParamLength: 500 } })
    app.get(literalRoute(path), async () => 'here')
    const statuses = await Promise.all(
      [...served, '/projects/p2', '/projects/p1x', '/x', '/ax/d'].map(async (url) => [
        url,
        (await app.inject({ url: url.startsWith('//') ? `http://localhost${url}` : url })).statusCode === 200,
      ]),
    )
    expect(statuses.filter(([, found]) => found).map(([url]) => url)).toEqual([path])
  }
})

test('a path that stands for others counts as none', () => {
  for (const path of ['/*', '/mcp/*', '/a*b', '/%2A', '/a%2ab'])
    expect(() => literalRoute(path)).toThrow('a * in its path')
  for (const path of ['/%zz', '/%', '/%ff']) expect(() => literalRoute(path)).toThrow('% in its path')
  for (const path of ['/a%2Fb', '/a%3a', '/%40x']) expect(() => literalRoute(path)).toThrow('encoded in its path')
})
