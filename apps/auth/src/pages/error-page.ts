import { html } from './html.ts'
import { icons } from './icons.ts'
import { layout } from './layout.ts'
import { cleanText } from './text.ts'

interface ErrorFacts {
  /** The HTTP status. */
  readonly status: number
  /** What happened, in a few words; by default one that fits the status. */
  readonly title?: string | undefined
  /** A sentence or two for a person: why, and what to do. */
  readonly message: string
  readonly requestId: string
  /** For experts: folded away. */
  readonly details?: readonly (readonly [string, string])[] | undefined
  /** By default the start page. */
  readonly next?: { readonly label: string; readonly href: string } | undefined
}

export function errorPage({ status, title, message, requestId, details = [], next }: ErrorFacts): string {
  const { label, href } = next ?? { label: 'Go to the start page', href: '/' }
  return layout({
    heading: cleanText(title ?? '', 120) || titleFor(status),
    icon: icons.attention,
    mood: 'bad',
    body: html`
<p>${cleanText(message, 600)}</p>
<a class="button" href="${href}">${label}</a>
${requestId && html`<p class="muted">If you ask for help, pass on this number: <code>${cleanText(requestId, 128)}</code></p>`}
${
  details.length > 0 &&
  html`<details>
<summary>For developers</summary>
<dl class="details">${[['Status', String(status)] as const, ...details].map(
    ([name, value]) => html`
<dt>${cleanText(name)}</dt><dd>${cleanText(value, 600)}</dd>`,
  )}
</dl>
</details>`
}`,
  })
}

function titleFor(status: number): string {
  if (status === 404) return 'There is nothing here'
  if (status === 429) return 'Too many tries'
  if (status === 503) return 'Not available right now'
  return status >= 500 ? 'Something went wrong here' : 'That did not work'
}
