// Accounts that a release before this one wrote without an end are looked for at the start, and once a day: replicas of such a
// release may run beside this one for a while.
import type { AccountRecords } from './account-records.ts'

const day = 86_400_000
const again = 600_000

export interface MovingOptions {
  readonly people: Pick<AccountRecords, 'moveAll'>
  /** It could not be done, and is tried again. */
  readonly onFault: (error: Error) => void
}

/** Returns how to stop. */
export function moveInBackground({ people, onFault }: MovingOptions): () => void {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const run = async () => {
    const fault = await people.moveAll().catch((error: Error) => error)
    if (isOver) return
    if (fault) onFault(fault)
    timer = setTimeout(run, fault ? again : day).unref()
  }
  void run()
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}
