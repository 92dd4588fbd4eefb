// The authorization server's metadata, RFC 8414 and OpenID Connect Discovery.
import { deviceCodeGrant } from '@gatehouse/shared'
import { type Check, when } from '../check.ts'
import { everyClient } from '../clients.ts'
import { type Document, listIn, textIn } from '../document.ts'
import type { Evidence } from '../evidence.ts'

/** What two documents of one server have to agree on. */
const shared = ['issuer', 'authorization_endpoint', 'token_endpoint', 'registration_endpoint', 'jwks_uri'] as const

export const serverMetadataChecks: readonly Check[] = [
  {
    id: 'no-server-metadata',
    severity: 'fault',
    spec: 'RFC 8414 §3; MCP 2026-07-28 Authorization Server Discovery',
    fix: 'Publish RFC 8414 or OpenID Connect metadata for the issuer.',
    stops: everyClient,
    find: ({ issuer, server, serverPlaces }) =>
      when(
        serverPlaces.length > 0 && !server,
        `${issuer} does not say how to sign in (asked: ${serverPlaces.map(({ outcome }) => outcome.url).join(', ')}).`,
      ),
  },
  {
    id: 'issuer-mismatch',
    severity: 'fault',
    spec: 'RFC 8414 §3.3; MCP 2026-07-28 Authorization Server Discovery',
    fix: 'Make "issuer" and the entry in "authorization_servers" identical, byte for byte.',
    stops: ['Inspector'],
    find: ({ issuer, serverPlaces }) =>
      serverPlaces.flatMap(({ document, outcome }) => {
        const named = textIn(document, 'issuer')
        return !document || named === issuer
          ? []
          : [
              `${outcome.url} says that its issuer is ${named === undefined ? 'nobody' : `"${named}"`}; the resource names "${issuer}".`,
            ]
      }),
  },
  {
    id: 'server-metadata-disagrees',
    severity: 'warning',
    spec: 'RFC 8414 §5',
    fix: 'Serve the same values in both documents: clients read one or the other.',
    find: ({ server, serverPlaces }) =>
      serverPlaces.flatMap(({ document, outcome }) => {
        const differing = shared.filter((member) => document && document[member] !== server?.[member])
        return differing.length > 0
          ? [`${outcome.url} has another ${differing.join(', ')} than the document before it.`]
          : []
      }),
  },
  {
    id: 'missing-endpoint',
    severity: 'fault',
    spec: 'RFC 8414 §2',
    fix: 'Add it to the metadata.',
    stops: everyClient,
    find: ({ server }) =>
      ['authorization_endpoint', 'token_endpoint'].flatMap((member) =>
        when(server && textIn(server, member) === undefined, `The metadata has no ${member}.`),
      ),
  },
  {
    id: 'no-pkce',
    severity: 'fault',
    spec: 'MCP 2026-07-28 Authorization Security, Authorization Code Protection',
    fix: 'Add "code_challenge_methods_supported": ["S256"], in each document, and require PKCE.',
    stops: everyClient,
    find: ({ serverPlaces }) =>
      serverPlaces.flatMap(({ document, outcome }) => {
        const methods = listIn(document, 'code_challenge_methods_supported')
        if (!document || methods?.includes('S256')) return []
        const found = methods === undefined ? 'has no code_challenge_methods_supported' : 'lists no S256'
        return [`${outcome.url} ${found}: clients refuse to go on.`]
      }),
  },
  {
    id: 'no-code',
    severity: 'fault',
    spec: 'RFC 8414 §2',
    fix: 'Add "code" to response_types_supported, and authorization_code to grant_types_supported.',
    stops: everyClient,
    find({ server }) {
      const grants = listIn(server, 'grant_types_supported')
      const wrong =
        !listIn(server, 'response_types_supported')?.includes('code') ||
        grants?.includes('authorization_code') === false
      return when(server && wrong, 'The metadata does not offer the authorization code flow.')
    },
  },
  {
    id: 'no-none',
    severity: 'warning',
    spec: 'RFC 8414 §2; OAuth 2.1 §2.1',
    fix: 'Add "none" to token_endpoint_auth_methods_supported: a program on a person’s computer keeps no secret.',
    find: ({ server }) =>
      when(
        server && !takesNone(server) && !takesDocuments(server),
        'token_endpoint_auth_methods_supported has no "none".',
      ),
  },
  {
    id: 'documents-without-none',
    severity: 'fault',
    spec: 'RFC 8414 §2; claude.com/docs, Authentication for connectors',
    fix: 'Add "none" to token_endpoint_auth_methods_supported: Claude uses its metadata document only then.',
    find: ({ server }) =>
      when(server && takesDocuments(server) && !takesNone(server), {
        what: 'Client id metadata documents are supported, but token_endpoint_auth_methods_supported has no "none".',
        stops: textIn(server, 'registration_endpoint') === undefined ? ['Claude'] : [],
      }),
  },
  {
    id: 'no-registration',
    severity: 'fault',
    spec: 'MCP 2026-07-28 Client Registration',
    fix: 'Support client id metadata documents or dynamic registration; until then people have to be given a client id.',
    stops: everyClient,
    find: ({ server }) =>
      when(
        server && !takesDocuments(server) && textIn(server, 'registration_endpoint') === undefined,
        'There is neither dynamic registration nor support for client id metadata documents.',
      ),
  },
  {
    id: 'no-documents',
    severity: 'note',
    spec: 'MCP 2026-07-28 Client Registration, Client ID Metadata Documents',
    fix: 'Support them: registrations pile up, documents do not.',
    find: ({ server }) =>
      when(
        server && !takesDocuments(server) && textIn(server, 'registration_endpoint') !== undefined,
        'Client id metadata documents are not supported.',
      ),
  },
  {
    id: 'no-refresh',
    severity: 'warning',
    spec: 'RFC 8414 §2; RFC 6749 §6',
    fix: 'Issue refresh tokens and add refresh_token to grant_types_supported, or people sign in again every hour.',
    find: ({ server }) =>
      when(
        server && listIn(server, 'grant_types_supported')?.includes('refresh_token') !== true,
        'grant_types_supported has no refresh_token.',
      ),
  },
  {
    id: 'no-iss',
    severity: 'warning',
    spec: 'RFC 9207 §2.3; MCP 2026-07-28 Authorization, Authorization Response Validation',
    fix: 'Send "iss" with every authorization response and say so: authorization_response_iss_parameter_supported.',
    find: ({ server }) =>
      when(
        server && server.authorization_response_iss_parameter_supported !== true,
        'The server does not say that it sends "iss"; ChatGPT then uses another redirect for each connection.',
      ),
  },
  {
    id: 'no-device-flow',
    severity: 'note',
    spec: 'RFC 8628 §4',
    fix: 'Support it if people use the server where there is no browser.',
    find: ({ server }) =>
      when(
        server && textIn(server, 'device_authorization_endpoint') === undefined,
        'There is no sign-in by device code.',
      ),
  },
  {
    id: 'device-grant-hidden',
    severity: 'warning',
    spec: 'RFC 8628 §4; RFC 8414 §2',
    fix: `Add ${deviceCodeGrant} to grant_types_supported.`,
    find({ server }) {
      const grants = listIn(server, 'grant_types_supported')
      const wrong =
        textIn(server, 'device_authorization_endpoint') !== undefined && grants?.includes(deviceCodeGrant) === false
      return when(wrong, 'There is a device_authorization_endpoint, but grant_types_supported has no device_code.')
    },
  },
  {
    id: 'only-openid',
    severity: 'note',
    spec: 'RFC 8414 §3.1; MCP 2026-07-28 Authorization, Overview',
    fix: 'Serve it as oauth-authorization-server as well: older clients look only there.',
    find: ({ server, serverPlaces }) =>
      when(
        server && !serverPlaces.some(({ kind, document }) => kind === 'rfc8414' && document),
        'Only OpenID Connect metadata is published.',
      ),
  },
  {
    id: 'not-on-resource-host',
    severity: 'note',
    spec: 'MCP 2025-03-26 Authorization, Server Metadata Discovery',
    fix: 'Serve the authorization server’s metadata on the MCP server’s host as well: ChatGPT and older clients look there.',
    find: ({ server, onResourceHost }) =>
      when(
        server && onResourceHost.answered && onResourceHost.status !== 200,
        `${onResourceHost.url} has no metadata.`,
      ),
  },
]

export function takesDocuments(server: Document | undefined): boolean {
  return server?.client_id_metadata_document_supported === true
}

export function takesNone(server: Evidence['server']): boolean {
  return listIn(server, 'token_endpoint_auth_methods_supported')?.includes('none') === true
}
