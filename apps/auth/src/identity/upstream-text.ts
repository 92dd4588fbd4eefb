// What an upstream answers is read up to a limit: it is somebody else's server.
import { readBounded } from '@gatehouse/network'
import { isTooDeep } from '@gatehouse/shared'

const answerLimit = 256 * 1024

/** The body as text. Throws RangeError beyond `limit` bytes (256 KiB by default), and for JSON that is nested too deep. */
export async function readUpstreamText({ body }: Response, limit = answerLimit): Promise<string> {
  const text = (await readBounded(body, limit, () => new RangeError('too large'))).toString('utf8')
  if (isTooDeep(text)) throw new RangeError('nested too deep')
  return text
}
