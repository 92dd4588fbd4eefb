// oidc-provider inside Fastify: the routes it answers, what each request is made to look like before it does, and the
// few answers that it would give badly.
import formbody from '@fastify/formbody'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { InteractionGoneError } from '../errors.ts'
import type { DeviceEntry } from './device-entry.ts'
import type { Engine } from './engine.ts'
import type { RegistrationBudget } from './registration.ts'
import type { ResourcePolicy } from './resources.ts'

const FORM_LIMIT = 56 * 1024
const WELL_KNOWN = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/jwks']
/** Clients ask again every five minutes at most; a new signing key is published that long before it is used. */
const CACHEABLE = 'public, max-age=300'

export interface MountOptions {
  readonly engine: Engine
  readonly issuer: string
  readonly resources: ResourcePolicy
  readonly deviceEntry: DeviceEntry
  readonly registrations: RegistrationBudget
}

/** A Fastify plugin, to be registered without a prefix: the engine knows its own paths. */
export function mountProvider({
  engine,
  issuer,
  resources,
  deviceEntry,
  registrations,
}: MountOptions): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers()
    await app.register(formbody, { bodyLimit: FORM_LIMIT })
    // the engine reads and judges every other kind of body itself
    app.addContentTypeParser('*', (_request, _payload, done) => done(null))

    const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      engine.provider() // throws before anything is written, while there is none
      addressAs(issuer, request)
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value)
      reply.hijack()
      await engine.handle(request.raw, reply.raw)
    }
    const form = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      if (isForm(request)) request.raw.body = canonicalForm(request.body as Fields, resources)
      await answer(request, reply)
    }

    for (const path of WELL_KNOWN) {
      app.get(path, async (request, reply) => {
        reply.header('cache-control', CACHEABLE)
        await answer(request, reply)
      })
      app.options(path, answer)
    }
    for (const path of ['/token', '/device_authorization', '/revoke', '/introspect']) {
      app.post(path, form)
      app.options(path, answer)
    }
    app.get('/authorize', async (request, reply) => {
      const query = new URL(request.raw.url ?? '', issuer)
      const named = query.searchParams.getAll('resource')
      if (named.length === 1) query.searchParams.set('resource', resources.canonicalize(named[0] as string))
      const mode = query.searchParams.get('response_mode')
      // codes go into the query and nowhere else; the engine has no switch for its other modes, and refuses unknown ones
      if (mode && mode !== 'query') query.searchParams.set('response_mode', 'not-supported')
      request.raw.url = query.pathname + query.search
      await answer(request, reply)
    })
    app.get('/authorize/:uid', answer)

    // The engine has no CORS here, and browser-based clients register themselves.
    app.options('/register', (_request, reply) =>
      reply
        .code(204)
        .headers({
          ...openCors,
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': 'content-type',
          'access-control-max-age': '3600',
        })
        .send(),
    )
    app.post('/register', async (request, reply) => {
      reply.headers(openCors)
      const { allowed, retryAfter } = await registrations.take(request.ip)
      if (!allowed) {
        const tooMany = {
          error: 'too_many_requests',
          error_description: `too many registrations; try again in ${retryAfter} seconds`,
        }
        return reply.code(429).headers({ 'retry-after': retryAfter, 'cache-control': 'no-store' }).send(tooMany)
      }
      await answer(request, reply)
      return reply
    })

    app.get('/device', async (request, reply) => {
      deviceEntry.show(request)
      await answer(request, reply)
    })
    app.post('/device', async (request, reply) => {
      const answered = await deviceEntry.submit(request, reply)
      if (!answered) return reply
      await answer(request, reply)
      await answered(reply.raw.statusCode)
      return reply
    })
    app.get('/device/:uid', async (request, reply) => {
      // the engine fails on an error without a session
      if (!(await deviceEntry.hasSession(request))) throw new InteractionGoneError()
      await answer(request, reply)
    })
  }
}

const openCors = { 'access-control-allow-origin': '*' }

type Fields = Readonly<Record<string, unknown>>

function isForm(request: FastifyRequest): boolean {
  return (
    request.body !== undefined &&
    request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded'
  )
}

/** One spelling for the resource, so that the legs of a flow agree. Doubled parameters stay doubled: the engine refuses them. */
function canonicalForm(fields: Fields, resources: ResourcePolicy): Fields {
  return typeof fields.resource === 'string' ? { ...fields, resource: resources.canonicalize(fields.resource) } : fields
}

/** The engine writes URLs from these headers: they come from configuration, whatever the request says. */
function addressAs(issuer: string, request: FastifyRequest): void {
  const { headers } = request.raw
  const { host, protocol } = new URL(issuer)
  const { ip } = request
  for (const name of Object.keys(headers))
    if (name === 'forwarded' || name.startsWith('x-forwarded-')) delete headers[name]
  headers.host = host
  headers['x-forwarded-proto'] = protocol.slice(0, -1)
  headers['x-forwarded-for'] = ip
  headers['x-request-id'] = request.id
}

declare module 'node:http' {
  interface IncomingMessage {
    /** A form that Fastify has parsed: the engine takes it instead of the stream. */
    body?: unknown
  }
}
