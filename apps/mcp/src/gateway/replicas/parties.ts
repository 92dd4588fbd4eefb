// The two sides of a call between replicas, each as the other one sees it.
import type { Json } from '../upstreams/contract.ts'

/** Towards the one who had it done. */
export interface Caller {
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal
  tell(event: Json): void
  ask(question: Json): Promise<Json>
  /** To be awaited before anything is done that must not be done twice. Throws {@link NotBegunError}: then nothing may be. */
  begin(): Promise<void>
}

/** Towards the one who does it. */
export interface Company {
  readonly signal: AbortSignal
  hear(event: Json): void
  ask(question: Json): Promise<Json>
}
