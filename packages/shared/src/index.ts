// What the authorization server, the resource server and the client agree on: names, shapes and schemas. No I/O.
export {
  type AuditEvent,
  type AuditLine,
  type AuditOutcome,
  auditEvents,
  auditFormat as AUDIT_FORMAT,
  auditLine,
  auditOutcomes,
} from './audit.ts'
export { type AccessTokenClaims, accessTokenClaims } from './claims.ts'
export type { Environment } from './environment.ts'
export { createDepthMeter, isTooDeep, parseJson } from './json.ts'
export { isLoopbackHost } from './loopback.ts'
export {
  type AuthorizationServerMetadata,
  authorizationServerMetadata,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
} from './metadata.ts'
export { deviceCodeGrant, offlineAccess } from './oauth-names.ts'
export { faultOfPath, probePaths } from './own-paths.ts'
export { type ProtectedResource, protectedResource, protectedResources } from './resources.ts'
export { defaultScopes, describeScope, effectiveScopes, mcpScopes, parseScope, personalScopes } from './scopes.ts'
export { isSubject, type SubjectPrefix } from './subjects.ts'
export { type TraceContext, traceContextIn } from './trace-context.ts'
export { type UpstreamTrouble, upstreamTroubles, upstreamTroublesMember } from './upstream-troubles.ts'
