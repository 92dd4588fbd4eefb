// The variables of this service, besides those of both: what each is for, and what is read where it is not set.
// docs/variables.md is made of these tables (scripts/variables.mjs).
import { serviceVariables, type Variables } from '@gatehouse/service'
import { longestHold } from './store/rules.ts'

export const ownVariables = {
  AUTH_ISSUER: { does: 'its public address: an origin, no path, no trailing slash', default: 'http://localhost:4000' },
  HOST: {
    does: 'where to listen; an IPv6 address as `::1` or `[::1]`',
    default: 'localhost',
    otherwise: '`localhost`; in images `0.0.0.0`',
  },
  PORT: { does: 'the port to listen on', default: '4000' },
  AUTH_SECRET: {
    does: 'at least 32 characters; seals all that is stored. Compose makes one',
    otherwise: 'demanded in production, else made once in `DATA_DIR`',
    secret: true,
  },
  AUTH_SECRET_PREVIOUS: { does: 'the secret before: see [rotation](operations.md#rotation)', secret: true },
  AUTH_RESOURCES: {
    does: 'what tokens are for: a JSON array of `{ "resource", "name", "scopes" }`, or a file with one',
    otherwise: '`http://localhost:3000/mcp`; Compose: `MCP_RESOURCE_URL`',
  },
  AUTH_CLIENTS_FILE: {
    does: 'clients that you registered: a JSON array of RFC 7591 metadata. It is read again when it changes',
  },
  AUTH_METADATA_DOCUMENTS: {
    does: '`off`: metadata documents of clients are not read, and apps register instead',
    default: 'on',
    values: ['on', 'off'],
  },
  AUTH_METADATA_HOSTS: {
    does: 'hosts whose metadata documents of clients are fetched, comma-separated',
    otherwise: 'all',
  },
  AUTH_METADATA_HOSTS_DENIED: { does: 'hosts whose documents are never fetched' },
  AUTH_METADATA_HOSTS_PRIVATE: { does: 'hosts whose documents may be at private addresses' },
  AUTH_REDIRECT_SCHEMES: {
    does: 'schemes of apps that take codes by one of their own, besides those of Claude, Cursor, VS Code and Warp',
  },
  AUTH_UNVERIFIED_POLICY: {
    does: 'clients that nobody registered for you. `browser`: no device codes; `refuse`: none of them',
    default: 'allow',
    values: ['allow', 'browser', 'refuse'],
  },
  AUTH_LIFETIMES: { does: 'a JSON object: seconds by the names [below](#lifetimes)', default: '{}' },
  AUTH_HOLD_SECONDS: {
    does: 'how long the poll of a [device that waits](operations.md#devices-that-wait) is held; 0: never',
    default: '4.5',
    most: longestHold / 1000,
  },
  AUTH_REUSE_ELSEWHERE: {
    does: 'a token used a moment ago, from another network and program: `end` the sign-in, or `answer` again',
    default: 'end',
    values: ['end', 'answer'],
  },
} as const satisfies Variables

/** Who signs in, and who may enter. */
export const loginVariables = {
  AUTH_DEV_LOGIN: {
    does: 'everybody enters under any name. `true` with a public issuer is a start fault',
    otherwise: '`true` if issuer and `HOST` are this machine; Compose: `true`',
  },
  GITHUB_CLIENT_ID: { does: 'sign-in through GitHub' },
  GITHUB_CLIENT_SECRET: { does: 'its secret', secret: true },
  GITHUB_URL: { does: 'the address of a GitHub Enterprise', otherwise: '`https://github.com`' },
  GITHUB_API_URL: {
    does: 'the address of its API',
    otherwise: '`https://api.github.com`; Enterprise: `GITHUB_URL` + `/api/v3`',
  },
  GOOGLE_CLIENT_ID: { does: 'sign-in through Google' },
  GOOGLE_CLIENT_SECRET: { does: 'its secret', secret: true },
  GOOGLE_ISSUER: { does: 'the issuer of its tokens', otherwise: '`https://accounts.google.com`' },
  OIDC_ISSUER: { does: 'sign-in through another OpenID provider' },
  OIDC_CLIENT_ID: { does: 'our id there' },
  OIDC_CLIENT_SECRET: { does: 'its secret', secret: true },
  OIDC_LABEL: {
    does: 'its name on the button and in subjects: a change makes strangers of everybody',
    otherwise: "the issuer's host",
  },
  OIDC_EMAILS: {
    does: '`any`: addresses count without `email_verified`, for Entra and Cloudflare Access',
    otherwise: '`verified`',
  },
  OIDC_PROVIDERS: { does: 'more of them, as JSON or a file: see [operations.md](operations.md#sign-in)' },
  ALLOWED_GITHUB_USERS: { does: 'GitHub logins, comma-separated. One rule that matches is enough' },
  ALLOWED_GITHUB_ORGS: { does: 'GitHub organisations' },
  ALLOWED_EMAIL_DOMAINS: { does: 'exact domains of the verified primary address' },
  ALLOWED_GROUPS: { does: '[groups](gateway-file.md#groups) of the file of the gateway' },
  ALLOW_ANYONE: { does: '`true`: no rule is meant. Without it, production demands one', otherwise: '`false`' },
} as const satisfies Variables

export const authVariables = { ...serviceVariables, ...ownVariables, ...loginVariables } as const
