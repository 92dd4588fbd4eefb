// The JSON of an answer or a document, as servers mean it rather than as they write it: the one place where members that
// say nothing are dropped, before any schema sees them.

type Plain = string | number | boolean

/** The members of an object that say something: one plain value, or a list of them. */
export type PlainMembers = Readonly<Record<string, Plain | readonly Plain[]>>

/**
 * The members of the JSON object in `text`, but for those that are `null`, `""` or an empty list, which are none (RFC
 * 8414 §3.2 has them left out; several servers write them), and for nested ones, of which we use none.
 * `undefined`: not JSON. Anything but an object comes back as it is, for a schema to refuse.
 */
export function readJson(text: string): unknown {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  return isObject(json) ? plainMembers(json) : json
}

/** An object, neither `null` nor a list. */
export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

/** See {@link readJson}. */
export function plainMembers(object: Readonly<Record<string, unknown>>): PlainMembers {
  return Object.fromEntries(
    Object.entries(object).flatMap<[string, Plain | Plain[]]>(([name, value]) => {
      if (isPlain(value)) return [[name, value]]
      const list = Array.isArray(value) ? value.filter(isPlain) : []
      return list.length > 0 ? [[name, list]] : []
    }),
  )
}

function isPlain(value: unknown): value is Plain {
  return (typeof value === 'string' && value.trim() !== '') || typeof value === 'number' || typeof value === 'boolean'
}
