import { paths } from '../paths.ts'
import { html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'

/** A sign-in or a request that waited too long, was answered already or belongs to another browser. */
export function expiredPage({ device }: { readonly device: boolean }): string {
  return layout({
    heading: 'This request has expired',
    icon: icons.clock,
    body: device
      ? html`
<p>It took too long, was answered already, or goes on in another browser. If your device still waits, start again there: it will show a new code.</p>
<a class="button primary" href="${paths.device}">Enter the new code</a>`
      : html`
<p>It took too long, or it was answered already. If your app still waits, go back to it and sign in from there once more.</p>
<a class="button" href="/">Go to the start page</a>`,
  })
}
