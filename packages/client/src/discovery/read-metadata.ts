import type { z } from 'zod'
import { ClientError } from '../errors.ts'
import type { Fetch } from '../network/guarded-fetch.ts'
import { cleanLine } from '../text.ts'

/** One metadata document; `undefined` where there is none (any 4xx). Throws when it is not what `schema` says. */
export async function readMetadata<T>(url: string, schema: z.ZodType<T>, fetch: Fetch): Promise<T | undefined> {
  const response = await fetch(url, { headers: { accept: 'application/json' } })
  if (!response.ok) return undefined
  const json: unknown = await response.json().catch(() => undefined)
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new ClientError('metadata_invalid', `The metadata at ${url} is not valid.`, {
    reason: json === undefined ? 'It is not JSON.' : cleanLine(`${issue?.path.join('.')}: ${issue?.message}`),
    hint: 'This is for the people who run the server to repair.',
  })
}
