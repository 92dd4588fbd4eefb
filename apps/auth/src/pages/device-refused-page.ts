import { paths } from '../paths.ts'
import { html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'

export function deviceRefusedPage(): string {
  return layout({
    heading: 'Nothing was shared',
    icon: icons.refused,
    body: html`
<p>The device was told no. You can close this page.</p>
<p class="muted">If somebody sent you the link or the code, warn the people you work with: others may have got it too.</p>
<a class="button" href="${paths.device}">Enter another code</a>`,
  })
}
