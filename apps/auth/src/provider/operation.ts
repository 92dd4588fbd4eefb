// What a request under way means to do, told by where it begins to the store's adapters, which the engine calls with an id
// and nothing else.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { TokenEndpointGrantContext } from 'oidc-provider'

type Operation =
  /** A code or a token is traded for tokens: what is found is about to be used up. */
  | { readonly intent: 'redeem'; readonly by: TokenEndpointGrantContext }
  /** A device asks for a code: what is written is new. */
  | { readonly intent: 'ask_by_device' }
  /** A person who entered a device's code comes back from signing in: the code is theirs from here on. */
  | { readonly intent: 'bind_device' }

const underWay = new AsyncLocalStorage<Operation>()

/** For everything that `run` waits for. */
export function during<Result>(operation: Operation, run: () => Result): Result {
  return underWay.run(operation, run)
}

export function isDuring(intent: Operation['intent']): boolean {
  return underWay.getStore()?.intent === intent
}

/** The request that redeems, if this is one. */
export function redemption(): TokenEndpointGrantContext | undefined {
  const operation = underWay.getStore()
  return operation?.intent === 'redeem' ? operation.by : undefined
}
