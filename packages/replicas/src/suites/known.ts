import { expect } from 'vitest'
import type { Replicas } from '../contract.ts'

/** Resolves when the others know it. */
export async function untilKnown<T extends Replicas>(replicas: T): Promise<T> {
  let fence = 0
  const claim = async (): Promise<boolean> => {
    fence = (await replicas.claim('ready')).fence
    return true
  }
  await expect.poll(() => claim().catch(String), { timeout: 5_000 }).toBe(true)
  await replicas.release('ready', fence)
  return replicas
}
