// Clients that look for the authorization server's metadata on the resource's own host, because older revisions of MCP put
// it there, or before they look at the resource's: they find a copy of what the issuer publishes. Endpoints and `issuer` in
// it are the issuer's; a client that compares the issuer with where it looked takes no harm, and goes on to RFC 9728.
import type { FastifyInstance, FastifyReply } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { allowAnyPage, answerAnyPreflight } from './any-page.ts'
import { IssuerError } from './errors.ts'
import { createIssuerMetadata, type IssuerMetadataOptions, type MetadataKind } from './issuer-metadata.ts'

export interface IssuerMetadataMirrorOptions extends IssuerMetadataOptions {
  /** The resource's identifier, on whose host the copies are served. */
  readonly resource: string
}

/** Seconds for which a client may keep its copy. */
const clientAge = 600

/** Where clients look for each document on a resource's host: at the root, and with the resource's path in the three ways there are. */
export function issuerMetadataPaths(resource: string): Readonly<Record<MetadataKind, readonly string[]>> {
  const path = new URL(resource).pathname.replace(/\/$/, '')
  const kinds = ['oauth-authorization-server', 'openid-configuration'] as const
  const pathsOf = (kind: MetadataKind) => [
    ...new Set([`/.well-known/${kind}`, `/.well-known/${kind}${path}`, `${path}/.well-known/${kind}`]),
  ]
  return Object.fromEntries(kinds.map((kind) => [kind, pathsOf(kind)])) as Record<MetadataKind, string[]>
}

/** Serves them. Of no use to a resource that is on its issuer's own host. */
export const issuerMetadataMirror = fastifyPlugin<IssuerMetadataMirrorOptions>(
  async (app: FastifyInstance, options: IssuerMetadataMirrorOptions): Promise<void> => {
    const readers = createIssuerMetadata(options)
    for (const [kind, paths] of Object.entries(issuerMetadataPaths(options.resource))) {
      const read = readers[kind as MetadataKind]
      for (const path of paths) {
        app.get(path, async (_request, reply) => answer(allowAnyPage(reply), read))
        app.options(path, answerAnyPreflight)
      }
    }
  },
  { name: 'issuer-metadata-mirror', fastify: '5.x' },
)

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
