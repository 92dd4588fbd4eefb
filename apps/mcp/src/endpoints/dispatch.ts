// What every request is asked first: under which name it came, and whether there is something of that name at its path.

import type { createIssuerMetadataAnswer } from '@gatehouse/guard/fastify'
import { metadataRoutes } from '@gatehouse/guard/fastify'
import { countHeader, createNameCheck, nameOf } from '@gatehouse/service'
import { probePaths } from '@gatehouse/shared'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuse, refuseKeys } from '../errors.ts'
import type { McpEndpoint } from '../mcp/endpoint.ts'
import { createOriginCheck, type OriginPolicy } from '../mcp/origins.ts'
import { type Place, pathOf, type Table } from './table.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Where the table has it. Null for routes of the process: health and the documents of resources. */
    place: Place<McpEndpoint> | null
  }
}

/** What is looked up for each request: replaced as a whole. */
export interface Directory {
  readonly table: Table<McpEndpoint>
  readonly checkName: ReturnType<typeof createNameCheck>
  /** For who came under another name, so that a page can read that it did. */
  readonly checkOrigin: ReturnType<typeof createOriginCheck>
}

export function createDirectory(table: Table<McpEndpoint>, policy: Omit<OriginPolicy, 'resources'>): Directory {
  const resources = table.endpoints.map(({ resource }) => resource)
  return { table, checkName: createNameCheck(...resources), checkOrigin: createOriginCheck({ ...policy, resources }) }
}

/** Routes that are the same under every name: containers and proxies reach them by internal ones. */
const health: ReadonlySet<string> = new Set(probePaths)
const documents: ReadonlySet<string> = new Set(metadataRoutes)
const mirrorMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export interface Documents {
  readonly answerIssuerMetadata: ReturnType<typeof createIssuerMetadataAnswer>
  /** Undefined: there are none. Rejects where they cannot be had now. */
  readonly callerKeys: () => Promise<{ readonly keys: readonly object[] }> | undefined
}

/** Seconds for which a copy of the keys is good: each is published long before it signs. */
const keysLife = 300

/** Only requests that are for an endpoint get as far as the routes for all paths. */
export function dispatch(
  app: FastifyInstance,
  directory: () => Directory,
  { answerIssuerMetadata, callerKeys }: Documents,
): void {
  app.decorateRequest('place', null)
  app.addHook('onRequest', async (request, reply) => {
    const route = request.routeOptions.url ?? ''
    if (health.has(route)) return
    // whose document it is would be anybody's guess
    if (countHeader(request, 'host') > 1) return refuse(reply, 400, 'invalid_request', 'Host was sent more than once')
    if (documents.has(route)) return
    const { table, checkName, checkOrigin } = directory()
    const place = table.find(nameOf(request), pathOf(request.url))
    request.place = place
    if (place.kind === 'mirror' && mirrorMethods.has(request.method))
      return answerIssuerMetadata(place.document, request, reply)
    if (place.kind === 'keys' && (request.method === 'GET' || request.method === 'HEAD')) {
      const keys = await callerKeys()?.catch(() => null)
      if (keys === null) return refuseKeys(reply)
      if (keys) return reply.header('cache-control', `public, max-age=${keysLife}`).send(keys)
    }
    const fault = checkName(request)
    if (fault) return (await checkOrigin(request, reply)) ?? refuse(reply, fault.status, fault.error, fault.description)
    if (place.kind !== 'endpoint') return refuseUnknown(table, request, reply)
  })
  app.setNotFoundHandler((request, reply) => refuseUnknown(directory().table, request, reply))
}

function refuseUnknown(table: Table<McpEndpoint>, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return refuse(reply, 404, 'not_found', whereabouts(table, request))
}

/** For who typed another address. Of endpoints on other hosts nothing is said. */
export function whereabouts(table: Table<McpEndpoint>, request: FastifyRequest): string {
  const here = table.endpoints.length === 1 ? table.endpoints : (table.on(nameOf(request)) ?? [])
  const addresses = here.map(({ resource }) => resource).join(', ')
  if (here.length === 0) return 'There is no MCP server under this name'
  return here.length === 1 ? `The MCP server is at ${addresses}` : `The MCP servers here are at ${addresses}`
}

/** The endpoint of a request that got as far as a route of one. */
export function endpointOf({ place }: FastifyRequest): McpEndpoint {
  if (place?.kind !== 'endpoint') throw new Error('a request for no endpoint was let pass')
  return place.endpoint
}
