// What a request calls, and what the rules of the file say of it, before it is let in. The audit is told as it comes out.
import type { Noted } from '../mcp/call-audit.ts'
import { isObject, nameIn } from '../mcp/message.ts'
import type { Message } from '../mcp/served.ts'
import type { Catalog, Found } from './catalog/contract.ts'
import { behalfOf, type Client } from './relay/client.ts'
import type { Gate } from './rules/gate.ts'
import type { Decision } from './rules/rules.ts'
import { type Things, toolOf } from './rules/things.ts'
import type { Members, Upstream } from './upstreams/contract.ts'

export interface AdmissionOptions {
  readonly catalog: Pick<Catalog, 'findTool' | 'awayTool' | 'withheldTool'>
  readonly gate: Gate
  readonly things: Things
  /** Those of the endpoint, as they are now. */
  readonly upstreams: readonly Upstream[]
  /** What may change is read each time. */
  readonly now: {
    /** Whether the demonstration is one of the upstreams: its tools have terms of their own. */
    readonly builtin: object | undefined
    readonly arePinsEnforced: boolean
  }
}

export interface Admission {
  /** Whether any rule is about an upstream here. */
  readonly hasRules: boolean
  /** The tool that it calls, where that matters: for its headers, or because it may be ours, withheld, or named by rules. */
  called(message: Message, client: Client): Promise<Found | undefined>
  /** Undefined: no rule is about it. What cannot be listed now is judged by the name that it was given. */
  decide(message: Message, client: Client, called: Found | undefined): Promise<Decision | undefined>
}

export function createAdmission({ catalog, gate, things, upstreams, now }: AdmissionOptions): Admission {
  /** It is answered like an unknown tool: the audit alone says more. */
  async function noteWithheld(name: string, client: Client): Promise<void> {
    if (!now.arePinsEnforced) return
    const withheld = await catalog.withheldTool(name, behalfOf(client))
    const upstream = withheld?.settings.name
    if (upstream) client.note?.({ upstream, outcome: 'refused', decision: 'deny', reason: 'not_pinned' })
  }

  return {
    get hasRules() {
      return gate.rules(upstreams)
    },

    async called(message, client) {
      const name = toolNameIn(message)
      const matters = client.era === '2026' || now.builtin || now.arePinsEnforced || gate.rules(upstreams)
      if (name === undefined || !matters) return undefined
      const found = await catalog.findTool(name, behalfOf(client))
      if (found) client.note?.({ called: toolOf(found) })
      else await noteWithheld(name, client)
      return found
    },

    async decide(message, client, called) {
      if (!gate.rules(upstreams)) return undefined
      const { method = '', params } = message
      const name = toolNameIn(message)
      const away = called || name === undefined ? undefined : await catalog.awayTool(name, behalfOf(client))
      if (away) client.note?.({ called: toolOf(away) })
      const about = isObject(params) ? await things.about(method, params as Members, client, called ?? away) : undefined
      const decision = about && gate.decide(about.thing, client, about.args)
      if (decision) client.note?.({ upstream: about.thing.upstream, ...notedOf(decision) })
      return decision
    },
  }
}

function toolNameIn(message: Message): string | undefined {
  const name = nameIn(message)
  return message.method === 'tools/call' && typeof name === 'string' ? name : undefined
}

const reasons = {
  rule: 'denied',
  error: 'rule_failed',
  unnamed: 'no_rule',
  place: 'uri_not_plain',
  unpinned: 'not_pinned',
} as const

function notedOf(decision: Decision): Noted {
  const { kind, rule } = decision
  const refused = kind === 'denied' && { outcome: 'refused', decision: 'deny', reason: reasons[decision.because] }
  return { ...(rule !== undefined && { rule }), ...refused } as Noted
}
