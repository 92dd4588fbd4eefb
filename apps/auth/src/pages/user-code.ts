import { type Html, html } from './html.ts'
import { cleanText } from './text.ts'

/** The code in large letters, to be compared; read out letter by letter. */
export function userCodeToCompare(code: string): Html {
  const shown = cleanText(code)
  return html`<p class="code"><span aria-hidden="true">${shown}</span><span class="unseen">${[...shown].join(' ')}</span></p>`
}
