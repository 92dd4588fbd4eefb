// The codes that people type are short, so two devices may draw the same one.
import type { AdapterPayload } from 'oidc-provider'
import { UserCodeTakenError } from '../../errors.ts'
import { drawUserCode } from '../../user-codes.ts'
import { context } from './request.ts'

const userCodeTries = 5

/** Stores a new device code; a user code that another live one has is made again, here and in the engine's model. */
export async function withFreeUserCode(payload: AdapterPayload, store: () => Promise<void>): Promise<void> {
  const model = context()?.oidc.entities.DeviceCode as { userCode?: string } | undefined
  for (let tries = 1; ; tries += 1) {
    try {
      return await store()
    } catch (error) {
      if (!(error instanceof UserCodeTakenError) || tries === userCodeTries || !model) throw error
      payload.userCode = drawUserCode()
      model.userCode = payload.userCode
    }
  }
}
