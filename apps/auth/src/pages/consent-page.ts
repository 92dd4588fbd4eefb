import type { AppFacts, ReturnsTo } from './facts.ts'
import { type Html, html } from './html.ts'
import { layout } from './layout.ts'
import {
  access,
  answer,
  appIdentity,
  destination,
  factList,
  nameWarning,
  newBehind,
  notice,
  type RequestFacts,
} from './request.ts'
import { displayHost } from './text.ts'

export interface ConsentFacts extends RequestFacts {
  readonly returnsTo: ReturnsTo
}

/** Puts an app's request before the person in the browser. Posts `decision`: "approve" or "refuse". */
export function consentPage(facts: ConsentFacts): string {
  const { app, returnsTo } = facts
  return layout({
    heading: 'An app wants to use your account',
    body: html`
${nameWarning(app)}
${factList([['App', appIdentity(app)], ...access(facts), ['Afterwards', destination(returnsTo)]])}
${newBehind(facts.resource, facts.addedUpstreams)}
${returnWarning(app, returnsTo)}
${answer(facts)}`,
  })
}

/** An answer that stays on the device reaches whichever program listens there, whatever the app's document says. */
function returnWarning({ verifiedHost }: AppFacts, { kind }: ReturnsTo): Html | undefined {
  if (kind === 'web') return undefined
  const anyOther = kind === 'loopback' ? 'any program on this computer' : 'any other app on this device'
  return notice(
    'caution',
    'Did you start this yourself just now?',
    verifiedHost
      ? html`<b class="host">${displayHost(verifiedHost)}</b> vouches for the app, but ${anyOther} could be using its name. If you are not sure, refuse.`
      : html`It could be ${anyOther}. If you are not sure, refuse.`,
  )
}
