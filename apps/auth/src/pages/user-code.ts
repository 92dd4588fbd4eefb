import { type Html, html } from './html.ts'
import { cleanText } from './text.ts'

/** The code as the device shows it: upper case, with a dash in the middle where none was typed. */
export function groupUserCode(code: string): string {
  const letters = cleanText(code).toUpperCase()
  return /^[A-Z0-9]{8}$/.test(letters) ? `${letters.slice(0, 4)}-${letters.slice(4)}` : letters
}

/** The code in large letters, to be compared; read out letter by letter. */
export function userCodeToCompare(code: string): Html {
  const shown = groupUserCode(code)
  return html`<p class="code"><span aria-hidden="true">${shown}</span><span class="unseen">${[...shown].join(' ')}</span></p>`
}
