// What an operator reads afterwards: one JSON line an event. Its form is in packages/shared; here is where lines go, what they
// say of arguments, and how they hold together. Which events there are is for the services.
export { shownArguments, shownText, shownUri } from './arguments.ts'
export { type Audit, createAudit } from './audit.ts'
export { type ChainReport, verifyChain } from './chain.ts'
export { type AuditInFile, type AuditSettings, readAuditSettings } from './settings.ts'
