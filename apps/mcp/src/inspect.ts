// What stands behind the gateway, for programs that ask before they serve: `gatehouse protect`, `gatehouse gateway check`.
export { type Config, readConfig } from './config.ts'
export { unlisted, unoffered } from './endpoints/issuer-check.ts'
export { ConfigError } from './errors.ts'
export {
  type Collection,
  collectAll,
  findTool,
  type Inspected,
  type Inspection,
  inspectAll,
} from './gateway/inspect.ts'
export type { Pin, PinKind } from './gateway/pins/contract.ts'
export { type Difference, differencesOf, type ValueDifference } from './gateway/pins/differences.ts'
export { LockError, lockOf, readLock, textOfLock } from './gateway/pins/lock.ts'
export { visible, visibleJson } from './gateway/pins/visible.ts'
export { type Explanation, explain } from './gateway/rules/explain.ts'
export { isRuled, judge } from './gateway/rules/rules.ts'
export { UpstreamError } from './gateway/upstreams/contract.ts'
export { readRules } from './gateway-config.ts'
export { lockBeside } from './gateway-lock.ts'
