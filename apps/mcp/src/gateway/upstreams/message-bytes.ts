// How large one message of an answer may be: the body, or an event of a stream.
import { UpstreamError } from './contract.ts'
import type { Reading } from './inflow.ts'
import { largestMessage } from './sizes.ts'

const lf = 10
const cr = 13

/**
 * Counts chunks as they come, and lets go of `reading` after each event of a stream. What it returns throws an
 * {@link UpstreamError} for a message that is too large.
 */
export function countMessages(name: string, isStream: boolean, reading: Reading): (chunk: Buffer) => void {
  let bytes = 0
  /** Bytes since the last LF; CR does not count. */
  let isLineEmpty = false

  function endsIn(chunk: Buffer): number {
    let end = -1
    let from = 0
    for (let at = chunk.indexOf(lf); at !== -1; at = chunk.indexOf(lf, from)) {
      const length = at - from - (at > from && chunk[at - 1] === cr ? 1 : 0)
      if (length === 0 && isLineEmpty) end = at
      isLineEmpty = true
      from = at + 1
    }
    if (chunk.length - from > (chunk.at(-1) === cr ? 1 : 0)) isLineEmpty = false
    return end
  }

  return (chunk) => {
    bytes += chunk.length
    const end = isStream ? endsIn(chunk) : -1
    if (end !== -1) {
      bytes = chunk.length - end
      reading.done()
    }
    if (bytes > largestMessage) throw new UpstreamError(name, 'invalid', `${name} sent a message larger than 10 MB`)
  }
}
