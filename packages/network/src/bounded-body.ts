/**
 * The bytes of a body, as long as there are at most `limit`; else it throws what `tooMuch` makes, and reads no further: the
 * body is cancelled. No body is an empty one.
 */
export async function readBounded(
  body: AsyncIterable<Uint8Array> | null,
  limit: number,
  tooMuch: () => Error,
): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > limit) throw tooMuch()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
