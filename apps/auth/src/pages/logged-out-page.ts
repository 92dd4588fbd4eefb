import { html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'

export function loggedOutPage(): string {
  return layout({
    heading: 'You are signed out',
    icon: icons.leave,
    body: html`
<p>This browser is no longer signed in. You can close this page.</p>
<p class="muted">To sign in again, start from your app or device.</p>
<a class="button" href="/">Go to the start page</a>`,
  })
}
