// Every check, in the order in which findings are told within a severity. A new one is an entry in the file of its group.
import type { Check } from '../check.ts'
import { challengeChecks } from './challenge.ts'
import { corsChecks } from './cors.ts'
import { documentChecks } from './documents.ts'
import { reachabilityChecks } from './reachability.ts'
import { registrationChecks } from './registration.ts'
import { resourceMetadataChecks } from './resource-metadata.ts'
import { serverMetadataChecks } from './server-metadata.ts'

export const checks: readonly Check[] = [
  ...reachabilityChecks,
  ...challengeChecks,
  ...documentChecks,
  ...resourceMetadataChecks,
  ...serverMetadataChecks,
  ...registrationChecks,
  ...corsChecks,
]
