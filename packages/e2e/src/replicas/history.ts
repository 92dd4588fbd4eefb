// What was answered to whom, written down while faults happen and judged at the end.
import { claimsOf } from '../harness/claims.ts'
import type { Answer } from './wire.ts'

/** One thing that could be redeemed, for one person, and all that was answered to those who tried. */
export interface Redeemable {
  readonly kind: 'code' | 'device code' | 'refresh token'
  readonly person: string
  readonly answers: Answer[]
  /** Answers to those who tried after its revocation was acknowledged. */
  readonly afterRevocation: Answer[]
}

export interface Verdict {
  /** Answered with two different sets of tokens. */
  readonly givenTwice: readonly string[]
  /** Tokens of somebody else than the one who approved. */
  readonly wrongPerson: readonly string[]
  readonly alivePastRevocation: readonly string[]
  /** Refresh tokens that were good and got no successor, however often they were sent. */
  readonly familiesLost: readonly string[]
  readonly serverErrors: readonly string[]
}

export interface History {
  readonly begin: (kind: Redeemable['kind'], person: string) => Redeemable
  readonly note: (what: string, status: number, error?: string) => void
  readonly redeemed: () => number
  /** How often each answer came. */
  readonly answers: () => Readonly<Record<string, number>>
  readonly judge: () => Verdict
}

export const isGood = ({ status }: Answer): boolean => status === 200

export function createHistory(): History {
  const all: Redeemable[] = []
  const counts = new Map<string, number>()
  const words = ({ status, text }: Answer) => `${status} ${text.slice(0, 200)}`
  return {
    begin: (kind, person) => {
      const entry: Redeemable = { kind, person, answers: [], afterRevocation: [] }
      all.push(entry)
      return entry
    },
    note: (what, status, error = '') => {
      const name = `${what}: ${status} ${error}`.trim()
      counts.set(name, (counts.get(name) ?? 0) + 1)
    },
    redeemed: () => all.length,
    answers: () => Object.fromEntries([...counts].sort(([a], [b]) => a.localeCompare(b))),
    judge: () => ({
      givenTwice: all
        .filter(({ answers }) => new Set(answers.filter(isGood).map(({ text }) => text)).size > 1)
        .map(({ kind, person }) => `${kind} of ${person}`),
      wrongPerson: all.flatMap(({ kind, person, answers }) =>
        answers
          .filter(isGood)
          .map(({ json }) => claimsOf(json.access_token ?? '').sub)
          .filter((subject) => subject !== `dev:${person}`)
          .map((subject) => `${kind} of ${person} for ${subject}`),
      ),
      alivePastRevocation: all.flatMap(({ afterRevocation }) => afterRevocation.filter(isGood).map(words)),
      familiesLost: all
        .filter(({ kind, answers }) => kind === 'refresh token' && answers.length > 0 && !answers.some(isGood))
        .map(({ answers }) => answers.map(words).join('; ')),
      serverErrors: [...counts.keys()].filter((name) => name.includes(': 500')),
    }),
  }
}
