// What a list says of each thing on it, in one line. Texts are the server's, uncleaned.
import type { Prompt, Resource, Tool } from '@modelcontextprotocol/client'
import type { ListRow } from '../terminal/list.ts'

export function toolRow({ name, title, description }: Tool): ListRow {
  return { name, about: description ?? title }
}

/** With the arguments it takes; those that may be left out have a question mark. */
export function promptRow({ name, title, description, arguments: taken = [] }: Prompt): ListRow {
  const names = taken.map((one) => (one.required ? one.name : `${one.name}?`))
  const about = description ?? title ?? ''
  return { name, about: names.length > 0 ? `(${names.join(', ')}) ${about}` : about }
}

export function resourceRow({ uri, name, title, description }: Resource): ListRow {
  return { name: uri, about: description ?? title ?? name }
}
