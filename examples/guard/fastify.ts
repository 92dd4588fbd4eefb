// Somebody else's Fastify server, guarded: node fastify.ts [issuer] [port]. README.md beside this file has the rest.
import { createGuard } from '@gatehouse/guard'
import { requireBearer, resourceGuard } from '@gatehouse/guard/fastify'
import { fastify } from 'fastify'

const [issuer = 'http://localhost:4000', port = '3001'] = process.argv.slice(2)
const resource = `http://localhost:${port}/things`
const app = fastify({ logger: true })

const guard = createGuard({ resource, issuer, scopes: ['things:read'] })
await app.register(resourceGuard, { guard })
app.get('/things', { onRequest: requireBearer(guard, 'things:read') }, ({ caller }) => ({ hello: caller?.subject }))
app.post('/things', { onRequest: requireBearer(guard, 'things:read', 'things:write') }, () => ({ stored: true }))
app.get('/readyz', (_request, reply) => reply.code(guard.ready() ? 200 : 503).send())

await app.listen({ port: Number(port) })
