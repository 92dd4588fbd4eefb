// The template tag that all pages are written in. Whatever goes in is text and is escaped, unless it came out of the
// tag itself. Attribute values must stand in quotes; nothing here makes a value safe inside <script> or <style>, and
// no page has either.

const markup: unique symbol = Symbol('html')

/** Markup that is safe to send. Only {@link html} makes it, so a string that looks like markup is never taken for it. */
export interface Html {
  readonly [markup]: string
}

/** What may stand in a template: text, markup, lists of both; `false`, `null` and `undefined` leave nothing behind. */
export type HtmlValue = string | number | Html | false | null | undefined | readonly HtmlValue[]

/** Escapes every value but the markup among them: html`<b>${name}</b>`. */
export function html(template: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return { [markup]: template.reduce((done, part, index) => done + write(values[index - 1]) + part) }
}

/** The finished markup, for the answer's body. */
export function toText(page: Html): string {
  return page[markup]
}

function write(value: HtmlValue): string {
  if (value === undefined || value === null || value === false) return ''
  if (typeof value === 'string') return escape(value)
  if (typeof value === 'number') return String(value)
  return isList(value) ? value.map(write).join('') : value[markup]
}

const isList = (value: Html | readonly HtmlValue[]): value is readonly HtmlValue[] => Array.isArray(value)

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.toWellFormed().replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
