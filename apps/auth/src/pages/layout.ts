import { type Html, html, toText } from './html.ts'
import { icons } from './icons.ts'
import { stylesheet } from './stylesheet.ts'

export interface Page {
  /** What the page is about; also the browser's title. */
  readonly heading: string
  /** Stands for the page at a glance, where it reports how something ended. */
  readonly icon?: Html
  /** The heading's icon tells of success, of a passing or of a real problem. */
  readonly mood?: 'good' | 'calm' | 'bad'
  /** Shown and read before anything else; the browser's title says so too. */
  readonly problem?: boolean
  readonly body: Html
}

/** The one layout: a card with a single heading. The caller sends the headers, Content-Security-Policy among them. */
export function layout({ heading, icon, mood = 'calm', problem = false, body }: Page): string {
  return toText(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${problem && 'Problem: '}${heading} · Gatehouse</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<link rel="stylesheet" href="${stylesheet.path}">
</head>
<body>
<main class="card">
<p class="brand">${icons.gate}<span>Gatehouse</span></p>
${icon && html`<p class="outcome ${mood}">${icon}</p>`}
<h1>${heading}</h1>
${body}
</main>
</body>
</html>
`)
}
