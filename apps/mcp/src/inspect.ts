// What stands behind the gateway, for programs that ask before they serve: `gatehouse protect`, `gatehouse gateway check`.
export { type Config, readConfig } from './config.ts'
export { unlisted, unoffered } from './endpoints/issuer-check.ts'
export { ConfigError } from './errors.ts'
export { findTool, type Inspected, type Inspection, inspectAll } from './gateway/inspect.ts'
export { type Explanation, explain } from './gateway/rules/explain.ts'
export { isRuled, judge } from './gateway/rules/rules.ts'
export { UpstreamError } from './gateway/upstreams/contract.ts'
export { readRules } from './gateway-config.ts'
