import { createRemoteJWKSet, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { createTokenIssuer } from './token-issuer.ts'

test('a token verifies against the published keys', async () => {
  await using issuer = await createTokenIssuer()
  const token = await issuer.sign({ aud: 'http://localhost:3000/mcp' })
  const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(issuer.jwksUrl)), {
    issuer: issuer.issuer,
    audience: 'http://localhost:3000/mcp',
    typ: 'at+jwt',
  })
  expect(payload.sub).toBe('dev:ada')
  expect(protectedHeader.kid).toBe(issuer.publicJwk.kid)
  expect(issuer.keyRequests()).toBe(1)
})

test('an undefined claim or header member is left out', async () => {
  await using issuer = await createTokenIssuer()
  const token = await issuer.sign({ exp: undefined }, { header: { kid: undefined } })
  const [header = '', payload = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
  expect(JSON.parse(payload)).not.toHaveProperty('exp')
  expect(JSON.parse(header)).not.toHaveProperty('kid')
})
