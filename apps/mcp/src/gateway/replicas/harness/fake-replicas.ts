// For tests: replicas that reach one another in memory, as far as the test lets them.
import type { Mail, ReplicaName, Replicas } from '@gatehouse/replicas'

export interface FakeReplicas extends Replicas {
  /** What was sent by this one, in order. */
  readonly sent: { readonly to: ReplicaName; readonly value: Uint8Array }[]
  /** What becomes of a mail before it is delivered; by default nothing. */
  before: (value: Uint8Array) => Promise<'lost' | undefined>
  /** Delivers to this one. */
  deliver(mail: Mail): void
  readonly lost: Set<() => void>
}

/** So many that know one another, called r0, r1, … */
export function fakeReplicas(count: number): readonly FakeReplicas[] {
  const decisions = new Map<string, string>()
  const all: FakeReplicas[] = []
  for (let index = 0; index < count; index += 1) {
    let listener: (mail: Mail) => void = () => undefined
    const self = `r${index}`
    const one: FakeReplicas = {
      self,
      sent: [],
      lost: new Set(),
      before: async () => undefined,
      deliver: (mail) => listener(mail),
      isSure: () => true,
      claim: async () => ({ holder: self, fence: 1 }),
      renew: async () => [],
      release: async () => undefined,
      onLost(tell) {
        one.lost.add(tell)
        return () => void one.lost.delete(tell)
      },
      isAlive: async () => true,
      async send(to, value) {
        if ((await one.before(value)) === 'lost') return
        one.sent.push({ to, value })
        all.find(({ self: name }) => name === to)?.deliver({ from: self, value, age: 0 })
      },
      onMail(hear) {
        listener = hear
      },
      async decide(question, answer) {
        const first = decisions.get(question) ?? answer
        decisions.set(question, first)
        return first
      },
      forget: async (question) => void decisions.delete(question),
      get: async () => undefined,
      put: async () => undefined,
      remove: async () => undefined,
      take: async () => ({ allowed: true, retryAfter: 1 }),
      giveBack: async () => undefined,
      close: async () => undefined,
    }
    all.push(one)
  }
  return all
}
