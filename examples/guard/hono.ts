// Somebody else's Hono server with two resources, guarded: node hono.ts [issuer] [port]. Nothing in it but serve() is
// Node's: the same lines run on Bun, Deno and workers, and in a Next route handler.
import { createGuard, createRemoteKeySet, type Guard } from '@gatehouse/guard'
import { authorize, metadataResponse } from '@gatehouse/guard/fetch'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createMiddleware } from 'hono/factory'

const [issuer = 'http://localhost:4000', port = '3001'] = process.argv.slice(2)
const keys = createRemoteKeySet({ issuer }) // one key set for both
const things = createGuard({ resource: `http://localhost:${port}/things`, issuer, keys, scopes: ['things:read'] })
const orders = createGuard({ resource: `http://localhost:${port}/orders`, issuer, keys, scopes: ['orders:read'] })

const requireBearer = (guard: Guard, ...scopes: string[]) =>
  createMiddleware<{ Variables: { subject: string } }>(async (context, next) => {
    const caller = await authorize(guard, context.req.raw, scopes)
    if (caller instanceof Response) return caller
    context.set('subject', caller.subject)
    return await next()
  })

const app = new Hono()
app.use(async ({ req }, next) => metadataResponse([things, orders], req.raw) ?? (await next()))
app.get('/things', requireBearer(things, 'things:read'), (context) => context.json({ hello: context.var.subject }))
app.post('/things', requireBearer(things, 'things:read', 'things:write'), (context) => context.json({ stored: true }))
app.get('/orders', requireBearer(orders, 'orders:read'), (context) => context.json({ orders: [] }))
app.get('/readyz', (context) => context.body(null, keys.ready() ? 200 : 503))

serve({ fetch: app.fetch, port: Number(port) }, () => console.log(`Server listening at http://localhost:${port}`))
