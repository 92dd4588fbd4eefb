import { ClientError } from '@gatehouse/network'
import { computeScopeUnion, isStrictScopeSuperset } from '@modelcontextprotocol/client'
import type { Session } from '../session/session.ts'

/** How often one command may send a person to sign in for more. */
const mostTries = 3

export interface StepUp {
  session(): Promise<Session>
  /** Signs in again in the same way, for the scopes held and the scopes asked for, of which `missing` were not held. */
  signIn(flow: Session['flow'], scope: string, missing: string): Promise<void>
}

/**
 * Runs `work`; when the server answers 403 `insufficient_scope`, signs in for the union of scopes and runs it again. Ends
 * after three sign-ins, or at once when the server asks for nothing that is not granted already.
 */
export async function withStepUp<T>(work: () => Promise<T>, { session, signIn }: StepUp): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'insufficient_scope') throw error
      const { scope: granted, flow } = await session()
      const union = computeScopeUnion(granted, error.requiredScope)
      if (union === undefined || !isStrictScopeSuperset(union, granted)) throw error
      if (tries === mostTries) throw error
      const held = granted?.split(' ') ?? []
      const missing = union.split(' ').filter((scope) => !held.includes(scope))
      await signIn(flow, union, missing.join(' '))
    }
  }
}
