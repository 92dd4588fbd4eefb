// Reads just enough HTML to act on our own pages: what they say, and their forms.

export interface Form {
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
  /** What the buttons send: name and value. */
  readonly buttons: readonly (readonly [string, string])[]
}

export function readForms(html: string): readonly Form[] {
  return [...html.matchAll(/<form method="post" action="([^"]*)"[^>]*>(.*?)<\/form>/gs)].map(
    ([, action = '', content = '']) => ({
      action: unescape(action),
      fields: Object.fromEntries(tags(content, 'input').map(({ name = '', value = '' }) => [name, value])),
      buttons: tags(content, 'button').flatMap(({ name, value }) =>
        name === undefined ? [] : [[name, value ?? ''] as const],
      ),
    }),
  )
}

export function readHeading(html: string): string {
  return unescape(html.match(/<h1>(.*?)<\/h1>/s)?.[1] ?? '')
}

/** What a person reads, on one line. */
export function readText(html: string): string {
  const body = html.replace(/<(head|style|script)\b.*?<\/\1>/gs, ' ').replace(/<svg\b.*?<\/svg>/gs, ' ')
  return unescape(body.replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()
}

function tags(html: string, name: string): Record<string, string>[] {
  return [...html.matchAll(new RegExp(`<${name}\\b([^>]*)>`, 'g'))].map(([, attributes = '']) =>
    Object.fromEntries(
      [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, unescape(value)]),
    ),
  )
}

const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}

function unescape(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => entities[entity] ?? entity)
}
