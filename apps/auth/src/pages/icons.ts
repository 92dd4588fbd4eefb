import { type Html, html } from './html.ts'

// Drawn here, so that a page loads nothing. They only repeat what the words beside them say, hence aria-hidden.

const drawn = (shape: Html): Html =>
  html`<svg class="icon" viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${shape}</svg>`

const filled = (shape: Html): Html =>
  html`<svg class="icon" viewBox="0 0 24 24" width="24" height="24" fill="currentColor" aria-hidden="true" focusable="false">${shape}</svg>`

const circle = html`<circle cx="12" cy="12" r="9"/>`

export const icons = {
  gate: drawn(
    html`<path d="M4 20.5V11a8 8 0 0 1 16 0v9.5M9.3 17V3.6M14.7 17V3.6M4 9.8h16M4 14.8h16M2.5 20.5h3M18.5 20.5h3"/>`,
  ),
  check: drawn(html`<path d="m5 12.5 4.5 4.5L19 7.5"/>`),
  done: drawn(html`${circle}<path d="m8 12.3 2.8 2.7L16 9.5"/>`),
  refused: drawn(html`${circle}<path d="m9 9 6 6m0-6-6 6"/>`),
  clock: drawn(html`${circle}<path d="M12 7v5.2l3.2 2"/>`),
  attention: drawn(html`<path d="M12 4 2.8 19.5h18.4zM12 10v4.2M12 16.9v.1"/>`),
  leave: drawn(html`<path d="M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4M15 8l4 4-4 4M19 12H9.5"/>`),
  shield: drawn(
    html`<path d="M12 3 5 5.7v5.6c0 4.3 2.9 7.6 7 9.7 4.1-2.1 7-5.4 7-9.7V5.7z"/><path d="m9 11.8 2.2 2.2 4-4.2"/>`,
  ),
  key: drawn(html`<circle cx="8" cy="15.5" r="4"/><path d="m11 12.6 8-8M16.4 7.2l2.4 2.4M13.8 9.8l1.6 1.6"/>`),
  github: filled(
    html`<path transform="scale(1.5)" d="M8 0C3.58 0 0 3.58 0 8c0 3.54 2.29 6.53 5.47 7.59.4.07.55-.17.55-.38 0-.19-.01-.82-.01-1.49-2.01.37-2.53-.49-2.69-.94-.09-.23-.48-.94-.82-1.13-.28-.15-.68-.52-.01-.53.63-.01 1.08.58 1.23.82.72 1.21 1.87.87 2.33.66.07-.52.28-.87.51-1.07-1.78-.2-3.64-.89-3.64-3.95 0-.87.31-1.59.82-2.15-.08-.2-.36-1.02.08-2.12 0 0 .67-.21 2.2.82.64-.18 1.32-.27 2-.27.68 0 1.36.09 2 .27 1.53-1.04 2.2-.82 2.2-.82.44 1.1.16 1.92.08 2.12.51.56.82 1.27.82 2.15 0 3.07-1.87 3.75-3.65 3.95.29.25.54.73.54 1.48 0 1.07-.01 1.93-.01 2.2 0 .21.15.46.55.38A8.01 8.01 0 0 0 16 8c0-4.42-3.58-8-8-8z"/>`,
  ),
  google: filled(
    html`<path d="M12.48 10.92v3.28h7.84c-.24 1.84-.853 3.187-1.787 4.133-1.147 1.147-2.933 2.4-6.053 2.4-4.827 0-8.6-3.893-8.6-8.72s3.773-8.72 8.6-8.72c2.6 0 4.507 1.027 5.907 2.347l2.307-2.307C18.747 1.44 16.133 0 12.48 0 5.867 0 .307 5.387.307 12s5.56 12 12.173 12c3.573 0 6.267-1.173 8.373-3.36 2.16-2.16 2.84-5.213 2.84-7.667 0-.76-.053-1.467-.173-2.053H12.48z"/>`,
  ),
} as const
