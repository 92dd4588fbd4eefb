// What an upstream answers is read up to a limit: it is somebody else's server.

const BODY_LIMIT = 256 * 1024

/** The body as text. Throws RangeError beyond 256 KiB. */
export async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > BODY_LIMIT) throw new RangeError('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
