// oidc-provider inside Fastify: the routes it answers, what each request is made to look like before it does, and the
// few answers that it would give badly.
import formbody from '@fastify/formbody'
import { isTooDeep } from '@gatehouse/shared'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { InteractionGoneError, InvalidRequestError, StoreUnavailableError, TooManyRequestsError } from '../errors.ts'
import { answerProgram } from '../http-errors.ts'
import { isForeignPage, isFrame, refuseBlind, refuseParts } from '../limits/browser-requests.ts'
import type { RequestLimits } from '../limits/request-limits.ts'
import { paths } from '../paths.ts'
import { tooManyRequests, wireErrors } from '../wire-errors.ts'
import { isSameOrigin } from '../xsrf.ts'
import { readBasic } from './clients/basic-credentials.ts'
import { isRepetition } from './clients/registration.ts'
import type { DeviceEntry } from './device/entry.ts'
import type { ShortPolls } from './device/short-polls.ts'
import type { Engine } from './engine.ts'
import { during } from './operation.ts'
import { encodeFields, formType, mediaType, refuseUnreadable } from './request-body.ts'
import { type Parameters, tidyAddress, tidyAuthorization, tidyForm } from './request-parameters.ts'
import type { ResourcePolicy } from './resources.ts'

const formLimit = 56 * 1024
/** The engine keeps what it is sent, for the one who sends it. In characters, as they came. */
const queryLimit = 8 * 1024
const stateLimit = 2 * 1024
/** Seconds for which anybody may keep a copy. */
const metadataAges = { '/.well-known/oauth-authorization-server': 300, '/.well-known/openid-configuration': 300 }

export interface MountOptions {
  readonly engine: Engine
  readonly issuer: string
  readonly resources: ResourcePolicy
  readonly deviceEntry: DeviceEntry
  /** Undefined: each poll goes the long way. */
  readonly shortPolls: ShortPolls | undefined
  readonly limits: RequestLimits
  /**
   * Seconds for which anybody may keep a copy of the key set: so long a key that was removed may still count, and a new
   * one is published for longer than that before it signs (keys/key-ring.ts).
   */
  readonly keySetAge: number
  /** Whether clients may register themselves. */
  readonly registration: boolean
}

/** A Fastify plugin, to be registered without a prefix: the engine knows its own paths. */
export function mountProvider(options: MountOptions): FastifyPluginAsync {
  const { engine, issuer, resources, deviceEntry, shortPolls, limits } = options
  const address = new URL(issuer)
  return async (app) => {
    app.removeAllContentTypeParsers()
    await app.register(formbody, { bodyLimit: formLimit })
    // what is refused before the engine sees it, as the engine answers: every page may know, and when to come back
    app.addHook('onSend', async (request, reply) => {
      if (openToPages.has(request.routeOptions.url ?? '')) reply.headers(openCors)
    })
    // the engine reads and judges every other kind of body itself
    app.addContentTypeParser('*', (_request, _payload, done) => done(null))
    app.addHook('preParsing', async (request) => refuseUnreadable(request))

    const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      engine.provider() // throws before anything is written, until there is one
      addressAs(address, request)
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value)
      reply.hijack()
      await engine.handle(request.raw, reply.raw)
    }
    const byPage = ({ headers }: FastifyRequest) => isForeignPage(headers, issuer)
    const form = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      refuseBlind(request.headers)
      const tidy = request.routeOptions.url === paths.deviceAuthorization ? tidyAuthorization : tidyForm
      if (isForm(request)) request.raw.body = tidy(request.body as Parameters, resources)
      const claimed = claimedClient(request)
      const blocked = claimed === undefined ? 0 : limits.blockedFor(claimed, request.ip)
      if (blocked > 0) return void answerProgram(reply, tooManyRequests(blocked))
      await answer(request, reply)
      if (claimed !== undefined && reply.raw.statusCode === 401) await limits.noteWrongSecret(claimed, request.ip)
    }
    // what a browser posts from another site comes without our cookies; the page that follows comes with them
    const seeAsPage = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      const page = new URL(request.routeOptions.url ?? '', issuer)
      page.search = encodeFields(request.body as Fields)
      checkSize(page)
      return reply.header('cache-control', 'no-store').redirect(page.pathname + page.search, 303)
    }
    const allowPage = async (kind: 'authorize' | 'silent' | 'device_page', request: FastifyRequest): Promise<void> => {
      refuseParts(request.headers, { frame: kind === 'silent' })
      // without its store the engine keeps nothing either, and tells the app so by its redirect
      const { allowed, retryAfter } = await limits.take(kind, request.ip).catch((error: unknown) => {
        if (error instanceof StoreUnavailableError) return { allowed: true, retryAfter: 0 }
        throw error
      })
      if (!allowed) throw new TooManyRequestsError(retryAfter)
    }

    for (const [path, age] of Object.entries({ ...metadataAges, [paths.jwks]: options.keySetAge })) {
      app.get(path, async (request, reply) => {
        reply.header('cache-control', `public, max-age=${age}`)
        await answer(request, reply)
      })
      app.options(path, answer)
    }
    app.post(paths.deviceAuthorization, async (request, reply) => {
      refuseBlind(request.headers)
      const kind = byPage(request) ? 'device_by_page' : 'device'
      const { allowed, retryAfter, giveBack } = await limits.take(kind, request.ip)
      if (!allowed) return answerProgram(reply, tooManyRequests(retryAfter))
      await during({ intent: 'ask_by_device' }, () => form(request, reply))
      if (reply.raw.statusCode !== 200) await giveBack()
    })
    app.post(paths.token, async (request, reply) => {
      const isAnswered = await shortPolls?.answer(request, reply)
      if (!isAnswered) await form(request, reply)
    })
    for (const path of [paths.revoke, paths.introspect, paths.userinfo]) app.post(path, form)
    app.get(paths.userinfo, answer)
    for (const path of [paths.token, paths.deviceAuthorization, paths.revoke, paths.introspect, paths.userinfo]) {
      app.options(path, answer)
    }
    app.get(paths.authorize, async (request, reply) => {
      const query = new URL(request.raw.url ?? '', issuer)
      checkSize(query)
      // an app may ask in a frame whether the person is signed in: that opens nothing, so it takes nothing from who does
      const silent = isFrame(request.headers) && query.searchParams.get('prompt') === 'none'
      await allowPage(silent ? 'silent' : 'authorize', request)
      query.search = encodeFields(tidyAddress(Object.fromEntries(fieldsOf(query.searchParams)), resources))
      const mode = query.searchParams.get('response_mode')
      // codes go into the query and nowhere else; the engine has no switch for its other modes, and refuses unknown ones
      if (mode && mode !== 'query') query.searchParams.set('response_mode', 'not-supported')
      request.raw.url = query.pathname + query.search
      await answer(request, reply)
    })
    app.get(`${paths.authorize}/:uid`, answer)
    // OpenID Connect Core §3.1.2.1
    app.post(paths.authorize, async (request, reply) => {
      if (!isForm(request)) throw new InvalidRequestError('The app sent its request in a form that is not understood.')
      return seeAsPage(request, reply)
    })

    // The engine has no CORS here, and browser-based clients register themselves.
    app.options(paths.register, (_request, reply) =>
      reply
        .code(204)
        .headers({
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': 'content-type',
          'access-control-max-age': '3600',
        })
        .send(),
    )
    await app.register(async (scope) => {
      // read here, so that nothing is counted while a body is still on its way; judged by the engine
      const asText = { parseAs: 'string', bodyLimit: formLimit } as const
      scope.addContentTypeParser('application/json', asText, (_request, body: string, done) =>
        isTooDeep(body) ? done(new InvalidRequestError('the body is nested too deep')) : done(null, body),
      )
      scope.addHook('onRequest', async (_request, reply) => void reply.headers(openCors)) // for what the engine answers
      scope.post(paths.register, async (request, reply) => {
        if (!options.registration) return answerProgram(reply, wireErrors.noRegistration)
        refuseBlind(request.headers)
        const kind = byPage(request) ? 'registration_by_page' : 'registration'
        const { allowed, retryAfter, giveBack } = await limits.take(kind, request.ip)
        if (!allowed) return answerProgram(reply, tooManyRequests(retryAfter))
        request.raw.body = request.body
        await answer(request, reply)
        // what is counted is what we have to keep
        if (reply.raw.statusCode !== 201 || isRepetition(request.raw)) await giveBack()
      })
    })

    app.get(paths.logout, async (request, reply) => {
      checkSize(new URL(request.raw.url ?? '', issuer))
      await allowPage('authorize', request)
      await answer(request, reply)
    })
    app.post(paths.logout, async (request, reply) => {
      if (!isForm(request)) throw new InvalidRequestError('The app sent a request that is no form.')
      return seeAsPage(request, reply)
    })
    app.post(paths.logoutConfirmation, async (request, reply) => {
      if (!isSameOrigin(request.headers['sec-fetch-site'])) throw new InteractionGoneError()
      request.raw.body = request.body
      await answer(request, reply)
    })
    app.get(paths.loggedOut, answer)

    app.get(paths.device, async (request, reply) => {
      await allowPage('device_page', request)
      deviceEntry.show(request)
      await answer(request, reply)
    })
    app.post(paths.device, async (request, reply) => {
      const answered = await deviceEntry.submit(request, reply)
      if (!answered) return reply
      await answer(request, reply)
      await answered(reply.raw.statusCode)
      return reply
    })
    app.get(`${paths.device}/:uid`, async (request, reply) => {
      // the engine fails on an error without a session
      if (!(await deviceEntry.hasSession(request))) throw new InteractionGoneError()
      await during({ intent: 'bind_device' }, () => answer(request, reply))
    })
  }
}

const openCors = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Retry-After, WWW-Authenticate',
}
/** Endpoints that browser-based clients call. The rest is for people to look at. */
const openToPages: ReadonlySet<string> = new Set([
  ...Object.keys(metadataAges),
  paths.jwks,
  paths.token,
  paths.deviceAuthorization,
  paths.revoke,
  paths.introspect,
  paths.userinfo,
  paths.register,
])

/** Throws {@link InvalidRequestError} for an authorization request that nobody needs to be so long. */
function checkSize({ search, searchParams }: URL): void {
  if (search.length > queryLimit)
    throw new InvalidRequestError(`The app sent a request of more than ${queryLimit} characters.`)
  if (searchParams.getAll('state').some((state) => state.length > stateLimit))
    throw new InvalidRequestError(`The app sent a state of more than ${stateLimit} characters.`)
}

/** Which client a request with a secret says it is from; undefined if it brings none. */
function claimedClient(request: FastifyRequest): string | undefined {
  const basic = readBasic(request.headers.authorization)
  if (basic) return basic.secret === '' ? undefined : basic.clientId
  const { client_id: clientId, client_secret: secret } = (request.body ?? {}) as Fields
  return secret === undefined ? undefined : String(clientId)
}

type Fields = Readonly<Record<string, unknown>>

function isForm(request: FastifyRequest): boolean {
  return request.body !== undefined && mediaType(request) === formType
}

/** Doubled parameters stay doubled: the engine refuses them. */
function fieldsOf(query: URLSearchParams): readonly (readonly [string, unknown])[] {
  return [...new Set(query.keys())].map((name) => {
    const values = query.getAll(name)
    return [name, values.length > 1 ? values : values[0]] as const
  })
}

/** The engine writes URLs from these headers: they come from configuration, whatever the request says. */
function addressAs({ host, protocol }: URL, request: FastifyRequest): void {
  const { headers } = request.raw
  const { ip } = request
  for (const name of Object.keys(headers))
    if (name === 'forwarded' || name.startsWith('x-forwarded-')) delete headers[name]
  headers.host = host
  headers['x-forwarded-proto'] = protocol.slice(0, -1)
  headers['x-forwarded-for'] = ip
  headers['x-request-id'] = request.id
}
