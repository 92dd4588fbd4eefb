// What an upstream answers is read up to a limit: it is somebody else's server.

import { isTooDeep } from '@gatehouse/shared'

const BODY_LIMIT = 256 * 1024

/** The body as text. Throws RangeError beyond `limit` bytes (256 KiB by default), and for JSON that is nested too deep. */
export async function readBounded(response: Response, limit = BODY_LIMIT): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > limit) throw new RangeError('too large')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  if (isTooDeep(text)) throw new RangeError('nested too deep')
  return text
}
