// The protected resource metadata, RFC 9728.
import { offlineAccess } from '@gatehouse/shared'
import { type Check, when } from '../check.ts'
import { everyClient } from '../clients.ts'
import { listIn, textIn } from '../document.ts'
import type { Evidence, Place } from '../evidence.ts'

export const resourceMetadataChecks: readonly Check[] = [
  {
    id: 'no-resource-metadata',
    severity: 'fault',
    spec: 'RFC 9728 §3; MCP 2026-07-28 Authorization, Overview',
    fix: 'Publish the document at the path-inserted well-known place, and at the root.',
    stops: ['ChatGPT'],
    find: (evidence) =>
      when(
        isProtected(evidence) && !evidence.resource,
        `There is no protected resource metadata (asked: ${evidence.resourcePlaces.map(({ outcome }) => outcome.url).join(', ')}).`,
      ),
  },
  {
    id: 'only-root',
    severity: 'warning',
    spec: 'RFC 9728 §3.1',
    fix: 'Serve it with the path inserted as well: clients that cannot see the challenge look there first.',
    find: (evidence) =>
      when(
        missing(evidence, 'inserted') && evidence.resource !== undefined,
        `The metadata is not at ${placeOf(evidence, 'inserted')?.outcome.url}.`,
      ),
  },
  {
    id: 'only-inserted',
    severity: 'note',
    spec: 'MCP 2026-07-28 Authorization Server Discovery',
    fix: 'Serve it at the root as well if this is the only resource of the host: some clients look only there.',
    find: (evidence) =>
      when(
        missing(evidence, 'root') && evidence.resource !== undefined,
        `The metadata is not at ${placeOf(evidence, 'root')?.outcome.url}.`,
      ),
  },
  {
    id: 'resource-metadata-disagrees',
    severity: 'warning',
    spec: 'RFC 9728 §3.3',
    fix: 'Serve the same document at every place.',
    find({ resourcePlaces, resource }) {
      const gist = (document: Place['document']) =>
        JSON.stringify([document?.resource, document?.authorization_servers])
      return resourcePlaces.flatMap(({ document, outcome }) =>
        document && gist(document) !== gist(resource)
          ? [`${outcome.url} names another resource or authorization server than the place before it.`]
          : [],
      )
    },
  },
  {
    id: 'no-resource',
    severity: 'fault',
    spec: 'RFC 9728 §2',
    fix: 'Add "resource" with the address of the MCP server, byte for byte as people type it.',
    stops: everyClient,
    find: ({ resource }) =>
      when(resource && textIn(resource, 'resource') === undefined, 'The metadata has no "resource".'),
  },
  {
    id: 'resource-differs',
    severity: 'fault',
    spec: 'RFC 9728 §3.3; RFC 8707 §2',
    fix: 'Make "resource" the address that people type, or give them the address that is in it.',
    stops: ['Claude', 'VS Code'],
    find({ url, resource }) {
      const named = textIn(resource, 'resource')
      if (named === undefined || URL.parse(named)?.href === url.href) return []
      const foreign = URL.parse(named)?.origin !== url.origin
      return [
        {
          what: `"resource" is "${named}", but the address that was typed is "${url.href}"${howFar(named, url)}.`,
          ...(foreign && { stops: everyClient }),
        },
      ]
    },
  },
  {
    id: 'no-authorization-servers',
    severity: 'fault',
    spec: 'RFC 9728 §2; MCP 2026-07-28 Authorization Server Discovery',
    fix: 'Add "authorization_servers" with the issuer of the service that signs people in.',
    stops: ['Claude', 'ChatGPT', 'Cursor', 'Inspector'],
    find: ({ resource }) =>
      when(
        resource && (listIn(resource, 'authorization_servers') ?? []).length === 0,
        'The metadata names no authorization server.',
      ),
  },
  {
    id: 'several-authorization-servers',
    severity: 'note',
    spec: 'RFC 9728 §2',
    fix: 'Put the one that most clients should use first, with metadata; only it was examined here.',
    find({ resource }) {
      const servers = listIn(resource, 'authorization_servers') ?? []
      return when(
        servers.length > 1,
        `The metadata names ${servers.length} authorization servers; clients use the first.`,
      )
    },
  },
  {
    id: 'offline-access-in-scopes',
    severity: 'warning',
    spec: 'MCP 2026-07-28 Authorization, Refresh Tokens',
    fix: 'Leave offline_access to the authorization server; a resource has no use for it.',
    find: ({ resource, challenge }) =>
      when(
        listIn(resource, 'scopes_supported')?.includes(offlineAccess) ||
          challenge?.parameters.scope?.split(' ').includes(offlineAccess),
        'The resource asks for the scope offline_access.',
      ),
  },
  {
    id: 'no-scopes',
    severity: 'note',
    spec: 'MCP 2026-07-28 Authorization, Scope Selection Strategy',
    fix: 'Name scopes in the challenge or in "scopes_supported", unless there are none.',
    find: ({ resource, challenge }) =>
      when(
        resource && challenge?.parameters.scope === undefined && listIn(resource, 'scopes_supported') === undefined,
        'Neither the challenge nor the metadata names a scope.',
      ),
  },
  {
    id: 'token-in-query',
    severity: 'warning',
    spec: 'RFC 9728 §2; MCP 2026-07-28 Authorization, Token Requirements',
    fix: 'Offer "header" alone: a token in an address ends up in logs.',
    find: ({ resource }) =>
      when(
        listIn(resource, 'bearer_methods_supported')?.some((method) => method !== 'header'),
        '"bearer_methods_supported" offers other ways than the header.',
      ),
  },
]

/** Whether the server asks for a token, or says something that only then makes sense. */
function isProtected({ unauthorized }: Evidence): boolean {
  return unauthorized.answered && (unauthorized.status === 401 || unauthorized.status === 403)
}

function placeOf({ resourcePlaces, url }: Evidence, kind: 'inserted' | 'root'): Place | undefined {
  const path = kind === 'root' ? '' : url.pathname === '/' ? '' : url.pathname
  const suffix = `/.well-known/oauth-protected-resource${path}`
  return resourcePlaces.find(({ outcome }) => URL.parse(outcome.url)?.pathname === suffix)
}

function missing(evidence: Evidence, kind: 'inserted' | 'root'): boolean {
  const place = placeOf(evidence, kind)
  return place?.outcome.answered === true && place.outcome.status >= 400 && place.outcome.status < 500
}

function howFar(named: string, url: URL): string {
  const other = URL.parse(named)
  if (!other) return ', and it is no address'
  if (other.href.replace(/\/$/, '') === url.href.replace(/\/$/, '')) return ' (only a slash at the end apart)'
  if (other.protocol !== url.protocol && other.host === url.host) return ' (http and https apart: look at the proxy)'
  return ''
}
