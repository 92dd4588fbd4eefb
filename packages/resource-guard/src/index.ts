// Bearer tokens and RFC 9728 metadata for a Fastify server. Knows no MCP. Where tokens come from is the issuer's affair;
// what a scope allows is the application's.
export { type Caller, clockTolerance, createTokenVerifier, type TokenVerifierOptions } from './access-token.ts'
export { InvalidTokenError, IssuerError, type RefusalReason } from './errors.ts'
export {
  type IssuerMetadataMirrorOptions,
  issuerMetadataMirror,
  issuerMetadataPaths,
} from './issuer-metadata-mirror.ts'
export { createRemoteKeySet, type RemoteKeySet, type RemoteKeySetOptions } from './key-set.ts'
export { type ResourceMetadata, resourceMetadataUrl } from './metadata.ts'
export { type ResourceGuardOptions, resourceGuard } from './plugin.ts'
