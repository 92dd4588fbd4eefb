// How often somebody may ask, as the file has it now: `limits` by caller, by app and by tool. What counts as a request is in
// ../policy.ts. A caller is whom the token is about, a person or a machine, whichever app it came by and whichever endpoint it
// is for: who takes another app has no other limit. They count requests, and know nothing of what is in one.
import { globMatcher, type LimitsInFile, type Rate } from '@gatehouse/shared/gateway-file'
import type { Refusal } from '../../mcp/served.ts'
import { digest } from '../digest.ts'
import type { Owner } from '../upstreams/contract.ts'
import { type Budgets, takeEach } from './budgets.ts'

export type LimitKind = 'caller' | 'client' | 'tool'

/** It was not let by. */
export interface Limited {
  readonly kind: LimitKind
  /** How often it is let by, in words: `10 times a minute`. */
  readonly often: string
  /** Of a tool: whether others have the same limit. */
  readonly isShared: boolean
  /** Whole seconds. */
  readonly retryAfter: number
}

type Who = Pick<Owner, 'subject' | 'clientId'>

export interface Limits {
  /** A request. `goesOn`: a state of ours that it brings back: what it goes on with was counted, and the state is good for that once. */
  admit(who: Who, goesOn: string | undefined): Promise<Limited | undefined>
  /** A call of a tool, by its own name. It takes one out of the limit of each entry that names it, or out of none. */
  call(
    tool: { readonly upstream: string; readonly name: string },
    who: Who,
    goesOn: string | undefined,
  ): Promise<Limited | undefined>
}

export interface LimitsOptions {
  /** Read each time: it may change. */
  readonly settings: () => LimitsInFile
  readonly budgets: Budgets
  /** Others, for states: however many somebody is given, no count is forgotten for them. */
  readonly states: Budgets
  /** Milliseconds for which a state can be brought back. */
  readonly stateLife: number
  /** `upstream`: of a tool. */
  readonly onLimited?: ((kind: LimitKind, upstream: string | undefined) => void) | undefined
}

/** Of a second, a minute, an hour: its milliseconds. */
const periods = { s: ['a second', 1_000], min: ['a minute', 60_000], h: ['an hour', 3_600_000] } as const

export function createLimits({ settings, budgets, states, stateLife, onLimited }: LimitsOptions): Limits {
  async function take(wanted: readonly Wanted[], goesOn: string | undefined, upstream?: string) {
    const [first] = wanted
    if (!first || (goesOn !== undefined && (await isFirst(goesOn, first.kind === 'tool')))) return undefined
    const refused = await takeEach(budgets, wanted)
    if (!refused) return undefined
    const { kind, often, isShared } = refused.budget
    onLimited?.(kind, upstream)
    return { kind, often, isShared, retryAfter: Math.ceil(refused.retryAfter / 1_000) }
  }

  /** It can be brought back again and again: the server behind us may answer each time. */
  async function isFirst(state: string, isCall: boolean): Promise<boolean> {
    return (await states.take(digest(['state', isCall, state]), 1, stateLife)).allowed
  }

  return {
    admit({ subject, clientId }, goesOn) {
      const { caller, client } = settings()
      return take(
        [
          ...(caller ? [budgetOf('caller', [subject], caller)] : []),
          ...(client ? [budgetOf('client', [clientId], client)] : []),
        ],
        goesOn,
      )
    },

    call({ upstream, name }, { subject }, goesOn) {
      const fitting = limitsOf(settings(), upstream, name)
      const wanted = fitting.map(({ glob, rate }) => ({
        ...budgetOf('tool', [subject, upstream, glob], rate),
        isShared: glob.includes('*'),
      }))
      return take(wanted, goesOn, upstream)
    },
  }
}

/** Entries that name a tool: all of them count. */
export function limitsOf({ tools }: LimitsInFile, upstream: string, name: string): LimitsInFile['tools'] {
  return tools.filter((one) => one.upstream === upstream && globMatcher(one.glob)(name))
}

/** What a person and a model read. `name`: of the tool, as the client calls it. */
export function wordsOf({ kind, often, isShared, retryAfter }: Limited, name = ''): string {
  const whose = {
    caller: 'You may ask',
    client: 'All who use this app together may ask',
    tool: `${name} may be called`,
  }
  const together = isShared ? ', together with other tools' : ''
  return `${whose[kind]} ${often}${together}: try again in ${retryAfter} s`
}

/** Of a request. */
export function refusalFor(limited: Limited): Refusal {
  return { reason: `${limited.kind}_limit`, message: wordsOf(limited), retryAfter: limited.retryAfter }
}

interface Wanted extends Omit<Limited, 'retryAfter'> {
  readonly name: string
  readonly limit: number
  readonly window: number
}

/** The limit is no part of the name: where it changes, what was taken counts. */
function budgetOf(kind: LimitKind, of: readonly string[], { count, per }: Rate): Wanted {
  const [words, window] = periods[per]
  const often = `${count === 1 ? 'once' : `${count} times`} ${words}`
  return { kind, often, isShared: false, name: digest([kind, of]), limit: count, window }
}
