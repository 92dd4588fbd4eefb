import type { ReturnsTo } from './facts.ts'
import { type Html, html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'
import { displayHost } from './text.ts'

/** `back`: where the app that sent the person here wants them to go on to. */
export function loggedOutPage({
  back,
}: {
  readonly back?: { readonly href: string; readonly to: ReturnsTo }
} = {}): string {
  return layout({
    heading: 'You are signed out',
    icon: icons.leave,
    body: html`
<p>This browser is no longer signed in. You can close this page.</p>
<p class="muted">To sign in again, start from your app or device.</p>
${back && html`<a class="button primary" href="${back.href}">Back to ${place(back.to)}</a>`}
<a class="button" href="/">Go to the start page</a>`,
  })
}

function place(to: ReturnsTo): Html {
  return to.kind === 'web' ? html`<b class="host">${displayHost(to.host)}</b>` : html`the app`
}
