// What people reviewed of what upstreams say: what is pinned, and what a lock is. The file is lock.ts's affair.

export const kindsOfPins = ['instructions', 'tool', 'prompt', 'template'] as const
export type PinKind = (typeof kindsOfPins)[number]

/** What is pinned, by the upstream's own name for it: what clients call it does not matter. */
export interface PinName {
  readonly upstream: string
  readonly kind: PinKind
  /** Of a template the template itself; of instructions nothing. */
  readonly name: string
}

export interface Pin extends PinName {
  readonly hash: string
  /** As far as it is kept: see definition.ts. */
  readonly definition: unknown
}

export interface Lock {
  /** In the order of {@link keyOf}. */
  readonly pins: readonly Pin[]
  /** Equal for equal locks. */
  readonly print: string
}

export function keyOf({ upstream, kind, name }: PinName): string {
  return JSON.stringify([upstream, kind, name])
}
