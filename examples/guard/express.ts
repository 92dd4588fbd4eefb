// Somebody else's Express server with two resources, guarded: node express.ts [issuer] [port].
import { createGuard, createRemoteKeySet } from '@gatehouse/guard'
import { type GuardedRequest, requireBearer, serveMetadata } from '@gatehouse/guard/express'
import express, { type Request } from 'express'

const [issuer = 'http://localhost:4000', port = '3001'] = process.argv.slice(2)
const keys = createRemoteKeySet({ issuer }) // one key set for both
const things = createGuard({ resource: `http://localhost:${port}/things`, issuer, keys, scopes: ['things:read'] })
const orders = createGuard({ resource: `http://localhost:${port}/orders`, issuer, keys, scopes: ['orders:read'] })

const app = express()
app.use(serveMetadata(things, orders))
app.get('/things', requireBearer(things, ['things:read']), (request, response) => {
  response.json({ hello: (request as GuardedRequest<Request>).caller.subject })
})
app.post('/things', requireBearer(things, ['things:read', 'things:write']), (_request, response) => {
  response.json({ stored: true })
})
app.get('/orders', requireBearer(orders, ['orders:read']), (_request, response) => {
  response.json({ orders: [] })
})
app.get('/readyz', (_request, response) => {
  response.status(keys.ready() ? 200 : 503).end()
})

app.listen(Number(port), () => console.log(`Server listening at http://localhost:${port}`))
