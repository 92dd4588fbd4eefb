// What stands behind the gateway, for programs that ask before they serve: `gatehouse protect`, `gatehouse gateway check`.
export { type Config, readConfig } from './config.ts'
export { unlisted } from './endpoints/issuer-check.ts'
export { ConfigError } from './errors.ts'
export { type Inspected, type Inspection, inspectAll } from './gateway/inspect.ts'
export { UpstreamError } from './gateway/upstreams/contract.ts'
