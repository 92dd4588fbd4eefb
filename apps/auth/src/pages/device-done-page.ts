import { html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'
import { displayName } from './text.ts'

export function deviceDonePage({ appName }: { readonly appName?: string | undefined }): string {
  const name = displayName(appName)
  return layout({
    heading: 'You are signed in on your device',
    icon: icons.done,
    mood: 'good',
    body: html`
<p>${name ? html`<b><bdi>${name}</bdi></b> carries on by itself.` : 'It carries on by itself.'} You can close this page.</p>
<a class="button" href="/device">Connect another device</a>`,
  })
}
