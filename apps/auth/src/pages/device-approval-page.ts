import { describeAgent } from './agent.ts'
import { type Html, html } from './html.ts'
import { layout } from './layout.ts'
import { access, answer, appIdentity, factList, nameWarning, newBehind, notice, type RequestFacts } from './request.ts'
import { cleanText } from './text.ts'
import { timeAgo } from './time-ago.ts'
import { userCodeToCompare } from './user-code.ts'

export interface DeviceApprovalFacts extends RequestFacts {
  readonly userCode: string
  /** Who asked for the code. `agent` is the User-Agent header, `askedAt` in milliseconds. */
  readonly requester: {
    readonly address?: string | undefined
    readonly agent?: string | undefined
    readonly askedAt: number
  }
  /** In milliseconds. */
  readonly now: number
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
${factList([['App', appIdentity(facts.app)], ['Asked', whereAndWhen(facts)], ...access(facts)])}
${newBehind(facts.resource, facts.addedUpstreams)}
${facts.policyWarning && notice('caution', cleanText(facts.policyWarning, 300))}
${notice(
  'caution',
  'Did you start this on your own device just now?',
  'If somebody sent you this link or code, do not continue.',
)}
${answer(facts)}`,
  })
}

function whereAndWhen({ requester: { address, agent, askedAt }, now }: DeviceApprovalFacts): Html {
  const from = cleanText(address ?? '')
  return html`<time datetime="${new Date(askedAt).toISOString()}">${timeAgo(askedAt, now)}</time>, from ${from ? html`<b>${from}</b>` : 'an unknown address'}, by ${describeAgent(agent)}`
}
