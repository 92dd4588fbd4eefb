// What keeps clients from connecting to an MCP server, by discovery alone:
//
//   const { findings, clients } = await examine({ start: new URL(url), register: 'none', clock, fetch, lookup: dnsLookup })
//
// How it is told to people is the caller's.
export type { Finding, Severity } from './check.ts'
export type { ClientName } from './clients.ts'
export {
  type ClientVerdict,
  type Diagnosis,
  type ExamineOptions,
  examine,
  type LeftBehind,
  sortFindings,
} from './examine.ts'
export type { RegistrationScope } from './registrations.ts'
