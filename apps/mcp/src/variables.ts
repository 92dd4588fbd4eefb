// The variables of this service, besides those of both: what each is for, and what is read where it is not set.
// docs/variables.md is made of this table (scripts/variables.mjs).
import { serviceVariables, type Variables } from '@gatehouse/service'

export const ownVariables = {
  MCP_RESOURCE_URL: {
    does: 'its public address, byte for byte the audience of its tokens',
    default: 'http://localhost:3000/mcp',
  },
  MCP_ISSUER: { does: 'byte for byte `AUTH_ISSUER`. Compose takes it from there', default: 'http://localhost:4000' },
  HOST: {
    does: 'where to listen; an IPv6 address as `::1` or `[::1]`',
    otherwise: '`localhost`; in images, and with a public address, `0.0.0.0`',
  },
  PORT: { does: 'the port to listen on', default: '3000' },
  MCP_SECRET: {
    does: 'at least 32 characters; seals what the gateway hands out. Compose makes one',
    otherwise: 'with an upstream: demanded in production and with Redis, else made in `DATA_DIR`',
    secret: true,
  },
  MCP_SECRET_PREVIOUS: { does: 'the secret before: what it sealed is still read', secret: true },
  MCP_JWKS_URL: {
    does: "where its keys are, if the issuer's public address cannot be reached from inside",
    otherwise: "what the issuer's metadata says",
  },
  MCP_NAME: { does: 'what the server calls itself, for programs', default: 'gatehouse' },
  MCP_TITLE: {
    does: 'the same for people, and the name in the metadata of each resource',
    default: 'Gatehouse MCP server',
    otherwise: 'the name of the endpoint, or `Gatehouse MCP server`',
  },
  MCP_ALLOWED_ORIGINS: {
    does: "origins, comma-separated, whose pages may call, besides the resource's own; `app://name` is one, too",
  },
  MCP_SESSIONS: {
    does: 'sessions for clients of protocol 2025-11-25; `off`: every request stands alone',
    default: 'on',
    values: ['on', 'off'],
  },
  MCP_UPSTREAM: { does: 'the URL of one MCP server to stand in front of, instead of `GATEHOUSE_CONFIG`' },
  MCP_UPSTREAM_AUTHORIZATION: { does: 'the `Authorization` header for it. A file is read at each use', secret: true },
} as const satisfies Variables

export const mcpVariables = { ...serviceVariables, ...ownVariables } as const
