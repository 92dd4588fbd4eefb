// Which endpoint a request is for: looked up by exact Host and path, in one table. A server that runs takes no more routes, so
// it has one route for all endpoints; what is changed is the table, as a whole.
import { issuerMetadataPaths, type MetadataKind } from '@gatehouse/guard'
import { namesOf } from '@gatehouse/service'

export type Place<Endpoint> = {
  /** What stands for it in metrics: from the configuration, never what a caller sent. */
  readonly route: string | undefined
} & (
  | { readonly kind: 'endpoint'; readonly endpoint: Endpoint }
  /** Where clients look for a copy of the issuer's metadata. */
  | { readonly kind: 'mirror'; readonly document: MetadataKind }
  /** The keys by which upstreams check who calls. */
  | { readonly kind: 'keys' }
  | { readonly kind: 'nowhere' }
)

/** Under each host: `iss` of what the keys sign is an endpoint of it. */
const callerKeysPath = '/.well-known/gatehouse/jwks.json'

export interface Table<Endpoint> {
  readonly endpoints: readonly Endpoint[]
  /**
   * `host`: as a request names it, in lower case. `path`: see {@link pathOf}. Copies of the issuer's metadata and keys are found
   * under any host that is nobody's, too: containers and proxies reach them by internal names.
   */
  find(host: string | undefined, path: string): Place<Endpoint>
  /** Undefined: the host is nobody's. */
  on(host: string | undefined): readonly Endpoint[] | undefined
}

interface Host<Endpoint> {
  readonly endpoints: Endpoint[]
  readonly places: Map<string, Place<Endpoint>>
}

/** `issuer`: what is on its own host needs no copy of its metadata. */
export function createTable<Endpoint extends { readonly resource: string }>(
  endpoints: readonly Endpoint[],
  issuer: string,
): Table<Endpoint> {
  const hosts = new Map<string, Host<Endpoint>>()
  const nobodys: Host<Endpoint> = { endpoints: [], places: new Map() }

  for (const endpoint of endpoints) {
    const mirrors = new URL(issuer).origin === new URL(endpoint.resource).origin ? [] : mirrorsOf(endpoint.resource)
    add(nobodys, mirrors)
    nobodys.places.set(callerKeysPath, keys)
    for (const name of namesOf(endpoint.resource)) {
      const host: Host<Endpoint> = hosts.get(name) ?? { endpoints: [], places: new Map() }
      hosts.set(name, host)
      host.endpoints.push(endpoint)
      add(host, mirrors)
      host.places.set(callerKeysPath, keys)
    }
  }
  // after all copies: what an endpoint has for an address is the endpoint
  for (const endpoint of endpoints) {
    const route = pathOf(new URL(endpoint.resource).pathname)
    for (const name of namesOf(endpoint.resource))
      hosts.get(name)?.places.set(route, { kind: 'endpoint', endpoint, route })
  }

  return {
    endpoints,
    find: (host, path) => (hosts.get(host ?? '') ?? nobodys).places.get(path) ?? nowhere,
    on: (host) => hosts.get(host ?? '')?.endpoints,
  }
}

const keys = { kind: 'keys', route: callerKeysPath } as const
const nowhere = { kind: 'nowhere', route: undefined } as const

function add<Endpoint>({ places }: Host<Endpoint>, mirrors: readonly (readonly [string, MetadataKind])[]): void {
  for (const [route, document] of mirrors) places.set(route, { kind: 'mirror', document, route })
}

function mirrorsOf(resource: string): readonly (readonly [string, MetadataKind])[] {
  return Object.entries(issuerMetadataPaths(resource)).flatMap(([kind, paths]) =>
    paths.map((path) => [pathOf(path), kind as MetadataKind] as const),
  )
}

/** The path of a request target as Fastify's router compares it: decoded, but for what would mean something else then. */
export function pathOf(target: string): string {
  const [path = ''] = target.split(/[?#]/, 1)
  try {
    return decodeURI(path.replaceAll('%25', '%2525'))
  } catch {
    return path // the router refuses it
  }
}
