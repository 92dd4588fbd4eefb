import { paths } from '../paths.ts'
import type { ResourceFacts } from './facts.ts'
import { html } from './html.ts'
import { layout } from './layout.ts'
import { factList, server } from './request.ts'
import { cleanText } from './text.ts'

interface HomeFacts {
  readonly issuer: string
  readonly resources: readonly ResourceFacts[]
  /** How people sign in here, as one sentence; empty: nothing is said about it. */
  readonly loginHint: string
}

export function homePage({ issuer, resources, loginHint }: HomeFacts): string {
  return layout({
    heading: 'Sign in for apps and devices',
    body: html`
<p>Apps and devices send you here when they want to use your account. You see what they ask for, and you decide.</p>
<a class="button primary" href="${paths.device}">Enter a code from a device</a>
<a class="button" href="${paths.apps}">See connected apps</a>
${factList([
  ...(loginHint ? [['Sign-in', html`${cleanText(loginHint, 300)}`] as const] : []),
  [
    resources.length === 1 ? 'Server' : 'Servers',
    html`<ul class="servers" role="list">${resources.map((resource) => html`<li>${server(resource)}</li>`)}</ul>`,
  ],
])}
<details>
<summary>For developers</summary>
<dl class="details">
<dt>Issuer</dt><dd>${cleanText(issuer, 512)}</dd>
<dt>Metadata</dt><dd><a href="/.well-known/oauth-authorization-server">/.well-known/oauth-authorization-server</a></dd>
</dl>
</details>`,
  })
}
