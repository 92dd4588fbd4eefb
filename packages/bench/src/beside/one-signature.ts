// A program: Fastify, which answers a token request with an access token that it signs, and does nothing else. It is about
// the least that such an answer can cost with Node.js. It prints its port.
//   node one-signature.ts ISSUER RESOURCE
import { randomUUID } from 'node:crypto'
import { fastify } from 'fastify'
import { generateKeyPair, SignJWT } from 'jose'

const [issuer = '', resource = ''] = process.argv.slice(2)
const { privateKey } = await generateKeyPair('ES256')
const header = { alg: 'ES256', typ: 'at+jwt', kid: 'NBlmpVW1zGT2-RoSNm4VLqFn8kfYhQ6wpJ9a3nJXy1s' }
const lifetime = 600
const scope = 'mcp:tools:call'

const app = fastify()
const read = { parseAs: 'string' } as const
app.addContentTypeParser('application/x-www-form-urlencoded', read, async (_: unknown, body: string | Buffer) =>
  Object.fromEntries(new URLSearchParams(body.toString())),
)
app.post<{ Body: { readonly client_id: string } }>('/token', async ({ body }, reply) => {
  const now = Math.floor(Date.now() / 1_000)
  const times = { iat: now, exp: now + lifetime, jti: randomUUID() }
  const claims = { iss: issuer, sub: body.client_id, client_id: body.client_id, aud: resource, scope, ...times }
  const token = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey)
  reply.header('cache-control', 'no-store')
  return { access_token: token, expires_in: lifetime, token_type: 'Bearer', scope }
})
const address = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${new URL(address).port}\n`)
process.on('SIGTERM', () => process.exit())
