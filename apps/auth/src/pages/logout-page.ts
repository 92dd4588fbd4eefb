import type { AppFacts, FormFacts, ReturnsTo } from './facts.ts'
import { html } from './html.ts'
import { layout } from './layout.ts'
import { appIdentity, destination, factList, token } from './request.ts'
import { cleanText } from './text.ts'

interface LogoutFacts {
  /** Posts `logout`: "yes". */
  readonly form: FormFacts
  readonly account: string
  /** The app that sent the person here, if it said which it is. */
  readonly app?: AppFacts | undefined
  /** Where they go on to. */
  readonly returnsTo?: ReturnsTo | undefined
  /** Where people end what they approved. */
  readonly appsAddress: string
}

/** OpenID Connect RP-Initiated Logout §2: an app sent the person here, and anybody can have: so they are asked. */
export function logoutPage({ form, account, app, returnsTo, appsAddress }: LogoutFacts): string {
  return layout({
    heading: 'Sign out here, too?',
    body: html`
<p>An app sent you here. You are still signed in to Gatehouse in this browser.</p>
${factList([
  ...(app ? [['App', appIdentity(app)] as const] : []),
  ['Signed in', html`<b><bdi>${cleanText(account, 128)}</bdi></b>`],
  ...(returnsTo ? [['Afterwards', destination(returnsTo)] as const] : []),
])}
<form method="post" action="${form.action}" class="decision">
${token(form)}
<a class="button" href="/">Stay signed in</a>
<button type="submit" name="logout" value="yes" class="button primary">Sign out</button>
</form>
<p class="muted">Apps that you connected stay connected. You can disconnect them at <b>${cleanText(appsAddress, 512)}</b></p>`,
  })
}
