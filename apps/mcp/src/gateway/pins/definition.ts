// What is pinned of a definition, and its hash. The lock keeps what was hashed, so that nobody approves one text and gets
// another. Texts that nobody would read to the end, such as pictures in icons, are hashed first.
import { createHash } from 'node:crypto'
import { digest } from '../digest.ts'

/** Characters of a text that is kept as it is. */
const longest = 8_192
const kept = 200
const mark = 'sha256:'

/** The hash of a definition as an upstream sent it. */
export function hashOf(definition: unknown): string {
  return hashOfPinned(pinnedForm(definition))
}

/** The hash of what a lock keeps. */
export function hashOfPinned(form: unknown): string {
  return digest(form)
}

/** With members in order, and with long texts as their hashes and beginnings. Different definitions have different forms. */
export function pinnedForm(value: unknown): unknown {
  if (typeof value === 'string') return pinnedText(value)
  if (Array.isArray(value)) return value.map(pinnedForm)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(entries.map(([name, member]) => [name, pinnedForm(member)]))
}

/** What looks like such a hash is hashed, too: no text stands for another one. */
function pinnedText(text: string): string {
  if (text.length <= longest && !text.startsWith(mark)) return text
  const hash = createHash('sha256').update(JSON.stringify(text)).digest('base64url')
  return `${mark}${hash} of ${text.length} characters: ${text.slice(0, kept)}${text.length > kept ? '…' : ''}`
}
