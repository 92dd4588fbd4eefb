// Clients that look for the authorization server's metadata on the resource's own host, because older revisions of MCP put
// it there, or before they look at the resource's: they find a copy of what the issuer publishes. Endpoints and `issuer` in
// it are the issuer's; a client that compares the issuer with where it looked takes no harm, and goes on to RFC 9728.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { IssuerError } from './errors.ts'
import {
  createIssuerMetadata,
  type IssuerMetadataOptions,
  issuerMetadataPaths,
  type MetadataKind,
} from './issuer-metadata.ts'
import { literalRoute } from './literal-route.ts'
import { anyPreflight } from './metadata.ts'

export interface IssuerMetadataMirrorOptions extends IssuerMetadataOptions {
  /** The resource's identifier, on whose host the copies are served. */
  readonly resource: string
}

/** Seconds for which a client may keep its copy. */
const clientAge = 600

/** Serves them. Of no use to a resource that is on its issuer's own host. */
export const issuerMetadataMirror = fastifyPlugin<IssuerMetadataMirrorOptions>(
  async (app: FastifyInstance, options: IssuerMetadataMirrorOptions): Promise<void> => {
    const answer = createIssuerMetadataAnswer(options)
    for (const [kind, paths] of Object.entries(issuerMetadataPaths(options.resource))) {
      for (const path of paths.map(literalRoute)) {
        app.route({
          method: ['GET', 'OPTIONS'],
          url: path,
          handler: (request, reply) => answer(kind as MetadataKind, request, reply),
        })
      }
    }
  },
  { name: 'issuer-metadata-mirror', fastify: '5.x' },
)

/** One copy for several resources: answers GET, HEAD and OPTIONS wherever the server found that a copy is asked for. */
export function createIssuerMetadataAnswer(options: IssuerMetadataOptions) {
  const readers = createIssuerMetadata(options)
  return async function answerIssuerMetadata(
    kind: MetadataKind,
    { method }: Pick<FastifyRequest, 'method'>,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    if (method === 'OPTIONS') return reply.code(anyPreflight.status).headers(anyPreflight.headers).send()
    return answer(reply.header('access-control-allow-origin', '*'), readers[kind])
  }
}

async function answer(reply: FastifyReply, read: () => Promise<string | undefined>): Promise<FastifyReply> {
  try {
    const text = await read()
    if (text === undefined) {
      const description = 'The issuer publishes no such document'
      return reply.code(404).send({ error: 'not_found', error_description: description })
    }
    reply.header('cache-control', `public, max-age=${clientAge}`)
    return reply.type('application/json').send(text)
  } catch (error) {
    if (!(error instanceof IssuerError)) throw error
    reply.header('retry-after', '5').header('cache-control', 'no-store')
    return reply
      .code(503)
      .send({ error: 'temporarily_unavailable', error_description: 'The issuer does not answer: try again shortly' })
  }
}
