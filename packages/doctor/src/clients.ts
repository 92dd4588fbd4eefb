// The clients that the doctor stands in for: what they register, and what they need. Where a fact is from is beside it.

import { deviceCodeGrant } from '@gatehouse/shared'

export type ClientName = 'Claude' | 'ChatGPT' | 'VS Code' | 'Cursor' | 'Inspector'

/** What of a server's metadata goes into a registration. */
export interface RegistrationFacts {
  /** `grant_types_supported`, if the server lists any. */
  readonly grants: readonly string[] | undefined
  /** The scopes that the client would ask for. */
  readonly scope: string | undefined
}

export interface KnownClient {
  readonly name: ClientName
  /** The client id metadata document (CIMD) it uses where the server says that it takes one; absent: it registers. */
  readonly document?: string
  /** It uses its document only where `none` is among the server's token endpoint authentication methods. */
  readonly documentNeedsNone?: boolean
  /** The body it registers with (RFC 7591 §2). */
  body(facts: RegistrationFacts): Readonly<Record<string, unknown>>
}

const codeAndRefresh = ['authorization_code', 'refresh_token']

export const knownClients: readonly KnownClient[] = [
  {
    // claude.ai, Desktop and mobile. The body: claude-code #5826 and claude-ai-mcp #1043 (the hosted service asks for
    // client_secret_post, and takes `none` from the answer: claude-ai-mcp #82). The document: claude.com/docs,
    // Authentication for connectors, and home-assistant/core #179326.
    name: 'Claude',
    document: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
    documentNeedsNone: true,
    body: ({ scope }) => ({
      client_name: 'Claude',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
      grant_types: codeAndRefresh,
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
      scope,
    }),
  },
  {
    // The document as served in October 2026 names the stable redirect, which needs RFC 9207; the body with the older one:
    // developers.openai.com/apps-sdk/build/auth.
    name: 'ChatGPT',
    document: 'https://chatgpt.com/oauth/client.json',
    body: ({ scope }) => ({
      client_name: 'ChatGPT',
      redirect_uris: ['https://chatgpt.com/connector_platform_oauth_redirect'],
      grant_types: codeAndRefresh,
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope,
    }),
  },
  {
    // microsoft/vscode, src/vs/base/common/oauth.ts, fetchDynamicRegistration().
    name: 'VS Code',
    document: 'https://vscode.dev/oauth/client-metadata.json',
    body({ grants, scope }) {
      const known = [...codeAndRefresh, deviceCodeGrant]
      return {
        client_name: 'Visual Studio Code',
        client_uri: 'https://code.visualstudio.com',
        grant_types: grants ? grants.filter((grant) => known.includes(grant)) : known,
        response_types: ['code'],
        redirect_uris: [
          'https://insiders.vscode.dev/redirect',
          'https://vscode.dev/redirect',
          'http://127.0.0.1/',
          'http://127.0.0.1:33418/',
        ],
        scope,
        token_endpoint_auth_method: 'none',
        application_type: 'native',
      }
    },
  },
  {
    // Three redirects in one body, all or nothing: erp-mafia/accounted #2225, soflyy/agent-connector-for-wp #111. Versions
    // with application_type "web": better-auth #10946; without: #10956.
    name: 'Cursor',
    body: ({ scope }) => ({
      client_name: 'Cursor',
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
      grant_types: codeAndRefresh,
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope,
    }),
  },
  {
    // @modelcontextprotocol/inspector 2.12.0, clients/web.
    name: 'Inspector',
    body: ({ scope }) => ({
      client_name: 'MCP Inspector',
      client_uri: 'https://github.com/modelcontextprotocol/inspector',
      redirect_uris: ['http://127.0.0.1:6276/oauth/callback'],
      grant_types: codeAndRefresh,
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      scope: scope ?? '',
    }),
  },
]

/** The origin of a page that runs a client in the browser: the Inspector's. */
export const pageOrigin = 'http://localhost:6274'

export const everyClient: readonly ClientName[] = knownClients.map(({ name }) => name)
