// What a person decided about a request. Of any number of answers, from any number of tabs and at any number of replicas,
// the first one counts and stays: anyone who gives the same one again gets the same result, anyone who gives another is too late.
import { randomBytes } from 'node:crypto'
import type { Config } from '../../config.ts'
import type { RecordStore } from '../../store/contract.ts'

const model = 'Decision'

export type Decision =
  | { readonly decision: 'refuse' }
  | {
      readonly decision: 'approve'
      readonly accountId: string
      /** The grant's id, made before the grant: who finishes what broke off makes no second one. */
      readonly grantId: string
    }

export interface Decisions {
  /** Returns the grant's id; undefined if the request was refused, or approved by somebody else. */
  approve(request: string, accountId: string): Promise<string | undefined>
  /** Returns whether it is refused; false if it was approved. */
  refuse(request: string): Promise<boolean>
  /** Whether there is one. */
  isMade(request: string): Promise<boolean>
}

export function createDecisions(records: RecordStore, lifetimes: Config['lifetimes']): Decisions {
  // longer than any request that can be decided
  const lifetime = (lifetimes.interaction + lifetimes.deviceCode) * 1000
  const find = async (request: string) => (await records.find(model, request))?.payload as Decision | undefined

  /** Returns the one that counts. */
  const decide = async (request: string, decision: Decision): Promise<Decision | undefined> =>
    (await records.create(model, request, decision, lifetime)) ? decision : find(request)

  return {
    async approve(request, accountId) {
      const grantId = randomBytes(32).toString('base64url')
      const made = await decide(request, { decision: 'approve', accountId, grantId })
      return made?.decision === 'approve' && made.accountId === accountId ? made.grantId : undefined
    },
    refuse: async (request) => (await decide(request, { decision: 'refuse' }))?.decision === 'refuse',
    isMade: async (request) => (await find(request)) !== undefined,
  }
}
