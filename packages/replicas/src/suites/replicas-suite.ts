// The one way to prove an implementation: every MUST of ../contract.ts.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { largestMail, type Mail, mostMail, ReplicaBusyError, ReplicaGoneError, type Replicas } from '../contract.ts'

export interface ReplicasHarness {
  /** So many that know one another. */
  open(count: number): Promise<readonly Replicas[]>
}

const bytes = (text: string) => Buffer.from(text)
const textOf = ({ value }: Mail) => Buffer.from(value).toString()

export function describeReplicas(name: string, harness: ReplicasHarness): void {
  let all: readonly Replicas[]
  const at = (index: number): Replicas => all[index] as Replicas

  beforeEach(async () => {
    all = await harness.open(3)
  })
  afterEach(async () => {
    for (const one of all) await one.close()
  })

  describe(name, () => {
    test('who claims first holds it, and is sure', async () => {
      const { holder, fence } = await at(0).claim('a')
      expect(holder).toBe(at(0).self)
      expect(at(0).isSure()).toBe(true)
      const again = await at(0).claim('a')
      expect(again.holder).toBe(holder)
      expect(again.fence).toBeGreaterThan(fence)
      await at(0).release('a', again.fence)
      await at(0).release('a', again.fence)
      expect((await at(0).claim('a')).fence).toBeGreaterThan(again.fence)
    })

    test('a release that comes late takes nothing that was given meanwhile', async () => {
      const { fence } = await at(0).claim('a')
      await at(0).claim('a')
      await at(0).release('a', fence)
      expect((await at(1).claim('a')).holder).toBe(at(0).self)
    })

    test('values are there until their end', async () => {
      expect(await at(0).get('v')).toBeUndefined()
      await at(0).put('v', bytes('one'), 60_000)
      expect(Buffer.from((await at(0).get('v')) ?? []).toString()).toBe('one')
      await at(0).put('v', bytes('two'), 60_000)
      expect(Buffer.from((await at(0).get('v')) ?? []).toString()).toBe('two')
      await at(0).remove('v')
      await at(0).remove('v')
      expect(await at(0).get('v')).toBeUndefined()
    })

    test('the first answer to a question stays, until it is forgotten', async () => {
      expect(await at(0).decide('q', 'yes', 60_000)).toBe('yes')
      expect(await at(0).decide('q', 'no', 60_000)).toBe('yes')
      expect(await at(0).decide('q', 'yes', 60_000)).toBe('yes')
      await at(0).forget('q')
      await at(0).forget('q')
      expect(await at(0).decide('q', 'no', 60_000)).toBe('no')
    })

    test('of many who take at once as many are let by as the limit says, and one that is given back is for the next', async () => {
      const takes = Array.from({ length: 90 }, (_, index) => at(index % 3).take('c', 20, 60_000))
      const taken = await Promise.all(takes)
      expect(taken.filter(({ allowed }) => allowed)).toHaveLength(20)
      for (const { retryAfter } of taken) expect(retryAfter > 0 && retryAfter <= 60_000).toBe(true)
      await at(1).giveBack('c')
      expect((await at(2).take('c', 20, 60_000)).allowed).toBe(true)
      expect((await at(0).take('c', 20, 60_000)).allowed).toBe(false)
      expect((await at(0).take('other', 20, 60_000)).allowed).toBe(true)
    })

    test('another limit counts at once, with what was taken before, and so does a shorter window', async () => {
      await at(0).take('c', 2, 60_000)
      await at(1).take('c', 2, 60_000)
      expect((await at(0).take('c', 2, 60_000)).allowed).toBe(false)
      expect((await at(1).take('c', 3, 60_000)).allowed).toBe(true)
      const shorter = await at(0).take('c', 1, 1_000)
      expect(shorter.allowed).toBe(false)
      expect(shorter.retryAfter).toBeLessThanOrEqual(1_000)
    })

    test('nothing is given back of what nobody took', async () => {
      await at(0).giveBack('c')
      expect((await at(0).take('c', 1, 60_000)).allowed).toBe(true)
      expect((await at(1).take('c', 1, 60_000)).allowed).toBe(false)
    })

    test('nobody is there by a name that nobody has', async () => {
      expect(await at(0).isAlive('nobody')).toBe(false)
      await expect(at(0).send('nobody', bytes('x'))).rejects.toThrow(ReplicaGoneError)
      await at(0).claim('a')
      expect(await at(0).isAlive(at(0).self)).toBe(true)
    })

    test('of many who claim at once one holds it, and all are told who', async () => {
      const keys = Array.from({ length: 50 }, (_, index) => `k${index}`)
      const claims = await Promise.all(keys.map((key) => Promise.all(all.map((one) => one.claim(key)))))
      for (const leases of claims) expect(new Set(leases.map(({ holder, fence }) => `${holder} ${fence}`)).size).toBe(1)
    })

    test('what is released, or was held by one that is closed, is for the next one', async () => {
      const { fence } = await at(0).claim('a')
      await at(0).claim('b')
      await at(1).release('a', fence)
      expect((await at(1).claim('a')).holder, 'it is not the other one’s to release').toBe(at(0).self)
      await at(0).release('a', fence)
      expect((await at(1).claim('a')).holder).toBe(at(1).self)
      const { self } = at(0)
      await at(0).close()
      expect((await at(1).claim('b')).holder).toBe(at(1).self)
      expect(await at(1).isAlive(self)).toBe(false)
    })

    test('of many who answer at once one was the first, for all', async () => {
      const questions = Array.from({ length: 50 }, (_, index) => `q${index}`)
      for (const question of questions) {
        const answers = await Promise.all(all.map((one, index) => one.decide(question, `${index}`, 60_000)))
        expect(new Set(answers).size).toBe(1)
      }
    })

    test('values are seen by all', async () => {
      await at(0).put('v', bytes('x'), 60_000)
      expect(await at(1).get('v')).toBeDefined()
    })

    test('mail arrives once each, in order, from whom it says', async () => {
      const read: Mail[] = []
      for (const one of all) await one.claim('anything')
      at(0).onMail((mail) => void read.push(mail))
      for (let count = 0; count < 100; count += 1) await at(1).send(at(0).self, bytes(`${count}`))
      await expect.poll(() => read.length).toBe(100)
      expect(read.map(textOf)).toEqual(Array.from({ length: 100 }, (_, count) => `${count}`))
      expect(new Set(read.map(({ from }) => from))).toEqual(new Set([at(1).self]))
      for (const { age } of read) expect(age).toBeGreaterThanOrEqual(0)
    })

    test('mail that was sent before anybody reads is read', async () => {
      await at(0).claim('anything')
      await at(1).send(at(0).self, bytes('early'))
      const read: string[] = []
      at(0).onMail((mail) => void read.push(textOf(mail)))
      await expect.poll(() => read).toEqual(['early'])
    })

    test('who does not read has so much mail at most, and none is lost', async () => {
      await at(0).claim('anything')
      const piece = Buffer.alloc(largestMail)
      for (let size = 0; size < mostMail; size += piece.length) await at(1).send(at(0).self, piece)
      await expect(at(1).send(at(0).self, piece, 0)).rejects.toThrow(ReplicaBusyError)
      const late = at(1).send(at(0).self, piece)
      let read = 0
      at(0).onMail(() => void read++)
      await late
      await expect.poll(() => read).toBe(mostMail / largestMail + 1)
    })
  })
}
