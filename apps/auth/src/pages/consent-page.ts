import type { AppFacts, FormFacts, ResourceFacts, ReturnsTo } from './facts.ts'
import { type Html, html } from './html.ts'
import { layout } from './layout.ts'
import {
  appIdentity,
  decision,
  destination,
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
import { displayHost } from './text.ts'

export interface ConsentFacts {
  readonly form: FormFacts
  readonly app: AppFacts
  readonly returnsTo: ReturnsTo
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
}

/** Puts an app's request before the person in the browser. Posts `decision`: "approve" or "refuse". */
export function consentPage(facts: ConsentFacts): string {
  const { app, returnsTo } = facts
  return layout({
    heading: 'An app wants to use your account',
    body: html`
${nameWarning(app)}
${factList([
  ['App', appIdentity(app)],
  ['It may', permissions(facts.scopes, facts.added)],
  ...(facts.resource ? [['Server', server(facts.resource)] as const] : []),
  ...memberships(facts.groups),
  ['Afterwards', destination(returnsTo)],
])}
${newBehind(facts.resource, facts.addedUpstreams)}
${returnWarning(app, returnsTo)}
${decision(facts.form)}
${wayBack(facts.appsAddress)}
${signedInAs(facts.account, facts.switchAccount)}`,
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
