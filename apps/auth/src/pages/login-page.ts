import type { AppFacts, FormFacts, Trouble } from './facts.ts'
import { type Html, html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'
import { appIdentity, nameWarning, notice, smallForm, token } from './request.ts'
import { cleanText } from './text.ts'

interface LoginFacts {
  /** The app that asks; absent where the sign-in is for our own page of connected apps. */
  readonly app?: AppFacts | undefined
  /** The sign-in is for a device that showed a code. */
  readonly device?: boolean
  /** The login that lets everybody in; `name` is what was typed before. */
  readonly developer?:
    | { readonly form: FormFacts; readonly name?: string | undefined; readonly problem?: string | undefined }
    | undefined
  /** `label` is the provider's name: "GitHub" becomes "Continue with GitHub". */
  readonly providers: readonly { readonly label: string; readonly href: string }[]
  readonly trouble?: Trouble | undefined
  readonly cancel: FormFacts
}

export function loginPage({ app, device = false, developer, providers, trouble, cancel }: LoginFacts): string {
  return layout({
    heading: device ? 'Sign in to connect a device' : 'Sign in',
    problem: Boolean(trouble || developer?.problem),
    body: html`
${trouble && notice('problem', cleanText(trouble.problem, 300), cleanText(trouble.advice ?? '', 300))}
${
  app
    ? html`<div class="app"><p class="label">${device ? 'The app that asks' : 'to continue to'}</p>${appIdentity(app)}</div>
${nameWarning(app)}`
    : html`<p>to see which apps and devices can use your account, and to disconnect them.</p>`
}
${developer && developerLogin(developer)}
${developer && providers.length > 0 && html`<p class="or"><span>or</span></p>`}
${providers.length > 0 && html`<div class="choices">${providers.map((provider) => providerButton(provider, !developer && providers.length === 1))}</div>`}
${!developer && providers.length === 0 && noLogin}
${device && html`<p class="muted">Next you will see what the device asks for. Nothing is shared before you approve. If somebody sent you the link or the code, cancel.</p>`}
<div class="foot">${smallForm(cancel, 'Cancel')}</div>`,
  })
}

const noLogin = notice(
  'problem',
  'Nobody can sign in here yet.',
  'No way to sign in is set up on this server. Ask the people who run it.',
)

function providerButton({ label, href }: LoginFacts['providers'][number], only: boolean): Html {
  const icon = { GitHub: icons.github, Google: icons.google }[label] ?? icons.key
  return html`
<a class="button${only && ' primary'}" href="${href}">${icon}<span>Continue with ${cleanText(label)}</span></a>`
}

function developerLogin({ form, name = 'ada', problem }: NonNullable<LoginFacts['developer']>): Html {
  return html`${notice(
    'caution',
    'Development login: it lets everybody in.',
    'No password, any name. This server must never be public while it is on.',
  )}
<form method="post" action="${form.action}" class="entry">
${token(form)}
<label for="name">What to call you</label>
${problem && html`<p class="field-problem" id="name-problem" role="alert">${icons.attention}<span>${cleanText(problem, 300)}</span></p>`}
<input id="name" name="name" type="text" value="${cleanText(name)}" required maxlength="64" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false"${problem && html` aria-invalid="true" aria-describedby="name-problem"`}>
<button type="submit" class="button primary">Sign in</button>
</form>`
}
