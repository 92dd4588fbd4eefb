// Bearer tokens (RFC 6750, RFC 9068) and protected resource metadata (RFC 9728) for any HTTP server. Knows no MCP and no
// framework: those are in ./fastify, ./express and ./fetch. Where tokens come from is the issuer's affair; what a scope
// allows is the application's.
export { type Caller, clockTolerance, createTokenVerifier, type TokenVerifierOptions } from './access-token.ts'
export { InvalidTokenError, IssuerError, type RefusalReason } from './errors.ts'
export type { GuardAnswer, GuardRequest } from './exchange.ts'
export { type Admission, createGuard, type Guard, type GuardOptions } from './guard.ts'
export { createIssuerMetadata, issuerMetadataPaths, type MetadataKind } from './issuer-metadata.ts'
export { createRemoteKeySet, type RemoteKeySet, type RemoteKeySetOptions } from './key-set.ts'
export { answerMetadata, type ResourceMetadata, resourceMetadataUrl } from './metadata.ts'
