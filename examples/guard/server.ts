// Somebody else's server, guarded: node server.ts [issuer] [port]. README.md beside this file has the rest.
import { createRemoteKeySet, createTokenVerifier, resourceGuard } from '@gatehouse/resource-guard'
import { fastify } from 'fastify'

const [issuer = 'http://localhost:4000', port = '3001'] = process.argv.slice(2)
const resource = `http://localhost:${port}/things`
const app = fastify({ logger: true })

const keys = createRemoteKeySet({ issuer, onFailure: (error) => app.log.warn(error.message) })
await app.register(resourceGuard, {
  resource,
  authorizationServers: [issuer],
  scopes: ['things:read'],
  verifyAccessToken: createTokenVerifier({ issuer, resource, keys }),
})
app.get('/things', { onRequest: app.requireBearer('things:read') }, ({ caller }) => ({ hello: caller?.subject }))
app.post('/things', { onRequest: app.requireBearer('things:read', 'things:write') }, () => ({ stored: true }))
app.get('/readyz', (_request, reply) => reply.code(keys.ready() ? 200 : 503).send())

await app.listen({ port: Number(port) })
