// For tests: what an account at Redis has to be allowed for this, and everything that it is asked for.
import { expect } from 'vitest'
import type { Replicas } from '../contract.ts'

/** As docs/adr/0006 says it. */
export const replicasCommands = `hello auth ping quit info time eval evalsha get set del exists pexpire pttl incr incrby decr decrby hget
  hset hmget xadd xdel xrange publish subscribe unsubscribe`

/** Every script and command. */
export async function exerciseEverything(one: Replicas, other: Replicas): Promise<void> {
  const bytes = Buffer.from('v')
  for (let index = 0; index < 20; index += 1) {
    const key = `k${index}`
    const { fence } = await one.claim(key)
    await other.claim(key)
    await one.renew([key])
    await one.release(key, fence)
    await one.put(key, bytes, 10_000)
    await other.get(key)
    await one.remove(key)
    await one.decide(key, 'yes', 10_000)
    await one.forget(key)
    for (let count = 0; count < 2; count += 1) await one.take(key, 1, 10_000)
    await one.giveBack(key)
  }
  let read = 0
  one.onMail(() => {
    read += 1
  })
  for (let count = 0; count < 5; count += 1) await other.send(one.self, Buffer.alloc(8_192))
  await expect.poll(() => read).toBe(5)
  expect(await one.isAlive(other.self)).toBe(true)
}
