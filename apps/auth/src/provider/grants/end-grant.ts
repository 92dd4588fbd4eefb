import type { RecordStore } from '../../store/contract.ts'

/** Ends what a person granted, and with it every token and code of it. The grant first: whatever is left is dead without it. */
export async function endGrant(records: RecordStore, grantId: string): Promise<void> {
  await records.destroy('Grant', grantId)
  await records.revokeByGrant(grantId)
}
