import { describeAgent } from './agent.ts'
import type { AppFacts, FormFacts, ResourceFacts } from './facts.ts'
import { type Html, html } from './html.ts'
import { layout } from './layout.ts'
import {
  appIdentity,
  decision,
  factList,
  memberships,
  nameWarning,
  newBehind,
  notice,
  permissions,
  server,
  signedInAs,
  wayBack,
} from './request.ts'
import { cleanText } from './text.ts'
import { timeAgo } from './time-ago.ts'
import { userCodeToCompare } from './user-code.ts'

export interface DeviceApprovalFacts {
  readonly form: FormFacts
  readonly userCode: string
  readonly app: AppFacts
  /** Who asked for the code. `agent` is the User-Agent header, `askedAt` in milliseconds. */
  readonly requester: {
    readonly address?: string | undefined
    readonly agent?: string | undefined
    readonly askedAt: number
  }
  /** In milliseconds. */
  readonly now: number
  /** In plain words. */
  readonly scopes: readonly string[]
  /** Those of them that the app does not have yet, where it has others. */
  readonly added?: readonly string[] | undefined
  /** Absent for an app that only asks who the person is. */
  readonly resource?: ResourceFacts
  /** What stands behind it now and did not when the person approved this app before, by name. */
  readonly addedUpstreams?: readonly string[] | undefined
  /** Those of the person's groups that it is told of. */
  readonly groups?: readonly string[] | undefined
  readonly account: string
  /** Where what is approved here can be ended. */
  readonly appsAddress: string
  readonly switchAccount: FormFacts
  /** A sentence the operator's policy wants read before anybody approves. */
  readonly policyWarning?: string | undefined
}

/**
 * Confirmation and consent in one (RFC 8628 §3.3, §5.4): what a person needs to tell their own device from somebody
 * else's. Posts `decision`: "approve" or "refuse".
 */
export function deviceApprovalPage(facts: DeviceApprovalFacts): string {
  return layout({
    heading: 'A device wants to use your account',
    body: html`
<div class="compare"><p class="label">Your device must show this code</p>
${userCodeToCompare(facts.userCode)}</div>
${nameWarning(facts.app)}
${factList([
  ['App', appIdentity(facts.app)],
  ['Asked', whereAndWhen(facts)],
  ['It may', permissions(facts.scopes, facts.added)],
  ...(facts.resource ? [['Server', server(facts.resource)] as const] : []),
  ...memberships(facts.groups),
])}
${newBehind(facts.resource, facts.addedUpstreams)}
${facts.policyWarning && notice('caution', cleanText(facts.policyWarning, 300))}
${notice(
  'caution',
  'Did you start this on your own device just now?',
  'If somebody sent you this link or code, do not continue.',
)}
${decision(facts.form)}
${wayBack(facts.appsAddress)}
${signedInAs(facts.account, facts.switchAccount)}`,
  })
}

function whereAndWhen({ requester: { address, agent, askedAt }, now }: DeviceApprovalFacts): Html {
  const from = cleanText(address ?? '')
  return html`<time datetime="${new Date(askedAt).toISOString()}">${timeAgo(askedAt, now)}</time>, from ${from ? html`<b>${from}</b>` : 'an unknown address'}, by ${describeAgent(agent)}`
}
