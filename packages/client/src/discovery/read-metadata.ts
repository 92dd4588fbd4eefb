import { ClientError, cleanLine, type Fetch, readJson } from '@gatehouse/network'
import type { z } from 'zod'

/**
 * The document at the first of several places that has one, and where that is. A place whose answer cannot be read (a page
 * of an app that answers everything, often) is passed over; where there is no other its `metadata_invalid` is thrown.
 */
export async function readFirstMetadata<T>(places: Iterable<string>, schema: z.ZodType<T>, fetch: Fetch) {
  let unreadable: ClientError | undefined
  for (const place of places) {
    try {
      const metadata = await readMetadata(place, schema, fetch)
      if (metadata) return { place, metadata }
    } catch (error) {
      if (!(error instanceof ClientError && error.code === 'metadata_invalid')) throw error
      unreadable ??= error
    }
  }
  if (unreadable) throw unreadable
  return undefined
}

/** One metadata document; `undefined` without one (any 4xx). Throws when it is not what `schema` says. */
async function readMetadata<T>(url: string, schema: z.ZodType<T>, fetch: Fetch): Promise<T | undefined> {
  const response = await fetch(url, { headers: { accept: 'application/json' } })
  if (!response.ok) return undefined
  const json = readJson(await response.text())
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new ClientError('metadata_invalid', `The metadata at ${url} is not valid.`, {
    reason: json === undefined ? 'It is not JSON.' : cleanLine(`${issue?.path.join('.')}: ${issue?.message}`),
    hint: 'This is for the people who run the server to repair.',
  })
}
