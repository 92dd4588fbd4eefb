import { expect } from 'vitest'
import type { Replicas } from '../contract.ts'

/** Resolves when the others know it. */
export async function untilKnown<T extends Replicas>(replicas: T): Promise<T> {
  const claim = () => replicas.claim('ready').then(() => true, String)
  await expect.poll(claim, { timeout: 5_000 }).toBe(true)
  await replicas.release('ready')
  return replicas
}
