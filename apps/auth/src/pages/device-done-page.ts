import { paths } from '../paths.ts'
import { appName } from './app-name.ts'
import type { AppFacts } from './facts.ts'
import { html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'
import { cleanText } from './text.ts'

interface DeviceDoneFacts {
  readonly app?: Pick<AppFacts, 'name' | 'trusted'> | undefined
  /** Where what was approved can be ended. */
  readonly appsAddress: string
}

export function deviceDonePage({ app, appsAddress }: DeviceDoneFacts): string {
  const name = app && appName(app)
  return layout({
    heading: 'You are signed in on your device',
    icon: icons.done,
    mood: 'good',
    body: html`
<p>${name ? html`<b><bdi>${name}</bdi></b> carries on by itself.` : 'It carries on by itself.'} You can close this page.</p>
<p class="muted">You can disconnect it at any time at <a href="${paths.apps}">${cleanText(appsAddress, 512)}</a></p>
<a class="button" href="${paths.device}">Connect another device</a>`,
  })
}
