import Fastify from 'fastify'
import { expect, test } from 'vitest'
import type { McpEndpoint } from '../mcp/endpoint.ts'
import { createDirectory, dispatch } from './dispatch.ts'
import { createTable } from './table.ts'

test('keys that cannot be read now are a 503 that says when to come back, and not where they are kept', async () => {
  const app = Fastify()
  const endpoint = { resource: 'https://mcp.example.com/tools' } as McpEndpoint
  const table = createTable([endpoint], 'https://auth.example.com')
  const directory = createDirectory(table, { allowedOrigins: [], development: false })
  dispatch(app, () => directory, {
    answerIssuerMetadata: () => Promise.reject(new Error('nobody asks for it')),
    callerKeys: () => Promise.reject(new Error('10.0.0.7 refused')),
  })
  const answer = await app.inject({ url: '/.well-known/gatehouse/jwks.json', headers: { host: 'mcp.example.com' } })
  expect(answer.statusCode).toBe(503)
  expect(answer.headers).toMatchObject({ 'retry-after': '2', 'cache-control': 'no-store' })
  expect(answer.json()).toEqual({
    error: 'temporarily_unavailable',
    error_description: 'The keys cannot be read now: try again shortly',
  })
})
