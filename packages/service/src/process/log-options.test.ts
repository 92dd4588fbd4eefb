import type { FastifyRequest } from 'fastify'
import { expect, test } from 'vitest'
import { logOptions } from './log-options.ts'

const jwt = `${btoa('{"alg":"ES256"}').replaceAll('=', '')}.${'p'.repeat(200)}.${'s'.repeat(86)}`
const { req, err } = logOptions('info').serializers
const pathOf = (url: string) => req({ method: 'GET', url, ip: '::1' } as FastifyRequest).path

test('a path has no query and no token, and else is as it was asked for', () => {
  expect(pathOf(`/mcp?access_token=${jwt}`)).toBe('/mcp')
  expect(pathOf(`/mcp/${jwt}/more`)).not.toMatch(/p{40}|s{40}/)
  expect(pathOf(`/apps/${'aB3-'.repeat(11)}`)).toBe('/apps/…')
  for (const path of ['/', '/.well-known/oauth-protected-resource/team/mcp', '/.well-known/oauth-authorization-server'])
    expect(pathOf(path)).toBe(path)
})

test('an error and its cause have no access token, in the message and the stack', () => {
  const told = err(new Error(`the header names ${jwt}`, { cause: new Error(`"${jwt}"`) }))
  expect(told.message).toBe('the header names …')
  expect(told.stack).toContain('log-options.test.ts')
  expect(JSON.stringify(told)).not.toMatch(/eyJ|p{40}|s{40}/)
})
