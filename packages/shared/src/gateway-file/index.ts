// The one file that both services read: its definition, its checks, its JSON Schema. No I/O: text in, settings out, and
// secrets stay where they are.
export { isSafeForSecrets } from './addresses.ts'
export type { Fault } from './document.ts'
export type {
  GatewayFile,
  GroupInFile,
  Hints,
  LimitsInFile,
  MembershipInFile,
  PinsInFile,
  Rate,
  RemoteInFile,
  RuleInFile,
  Selectable,
  Selector,
  TextSource,
  UpstreamInFile,
} from './gateway-file.ts'
export { unsaidHints } from './gateway-file.ts'
export { arePinsEnforced } from './pins.ts'
export { readGatewayFile } from './read.ts'
export { builtin as BUILTIN } from './references.ts'
export { globContains, globMatcher, groupsOf, matchesGlob, scopesOf } from './rules.ts'
export { gatewayFileSchema } from './schema.ts'
export { expand } from './variables.ts'
