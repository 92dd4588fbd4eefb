// Where the rules of an endpoint are asked: what there is of a thing for whom, as the file has it now.
import type { GatewayRules } from '../settings.ts'
import { type Behalf, RpcError } from '../upstreams/contract.ts'
import { mayUse } from './reach.ts'
import { type Decision, isRuled, isShown, judge, type Thing } from './rules.ts'

type Who = Pick<Behalf, 'owner' | 'granted'>

export interface Gate {
  /** Whether any rule is about one of these. */
  rules(upstreams: readonly { readonly settings: { readonly name: string } }[]): boolean
  /** Whether what no rule can name (a method that nobody knows) passes to an upstream. */
  isOpen(upstream: string): boolean
  /** Undefined where no rule is about the upstream. `args`: undefined where they are not known. */
  decide(thing: Thing, who: Who, args?: unknown): Decision | undefined
  /** Throws what `missing` makes where a thing is denied: the answer is that for something that is not there. */
  require(thing: Thing, who: Who, args: unknown, missing: () => RpcError): void
  shows(thing: Thing, who: Who): boolean
  /** Whether anything of an upstream may be allowed: else nobody need hear of it. */
  mayUse(upstream: string, who: Who): boolean
}

/** `settings` is read each time: it may change. */
export function createGate({ endpoint, settings }: { endpoint: string; settings: () => GatewayRules }): Gate {
  const asked = (thing: Thing, { owner, granted }: Who) => {
    const { subject, clientId } = owner
    return { thing, caller: { subject, clientId, ...granted }, endpoint }
  }

  function decide(thing: Thing, who: Who, args?: unknown): Decision | undefined {
    const rules = settings()
    return isRuled(rules, thing.upstream) ? judge(rules, { ...asked(thing, who), args }).decision : undefined
  }

  return {
    rules: (upstreams) => upstreams.some((upstream) => isRuled(settings(), upstream.settings.name)),
    isOpen: (upstream) => !isRuled(settings(), upstream) || settings().openByDefault.includes(upstream),
    decide,
    require(thing, who, args, missing) {
      const { kind } = decide(thing, who, args) ?? { kind: 'allowed' }
      if (kind === 'denied') throw missing()
      // the request was let in with what it took then: the rules have changed meanwhile
      if (kind === 'scopes') throw new RpcError(-32_603, 'This takes more than the token opens: call again')
    },
    mayUse: (upstream, { owner: { subject, clientId }, granted }) =>
      mayUse(settings(), { upstream, caller: { subject, clientId, ...granted }, endpoint }),
    shows: (thing, who) => isShown(settings(), asked(thing, who)),
  }
}
