import { html } from './html.ts'
import { layout } from './layout.ts'

/**
 * Between a decision and the app: sent with a `Refresh` header to the same address. A form's answer may not lead to
 * other sites (Content-Security-Policy `form-action` covers every redirect that follows), and the app's address may lead on.
 */
export function continuePage({ href }: { readonly href: string }): string {
  return layout({
    heading: 'One moment',
    body: html`
<p>You are going back to your app.</p>
<a class="button" href="${href}">Continue</a>`,
  })
}
