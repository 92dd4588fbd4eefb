// Lines of a stream of bytes.
const longestPiece = 2_048

/** Called with each chunk; hands on each whole line without its end. Throws when a line is longer than `max` bytes. */
export function createLines(max: number, online: (line: Buffer) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = []
  let length = 0
  return function take(chunk) {
    let rest = chunk
    for (;;) {
      const end = rest.indexOf(0x0a)
      const part = end === -1 ? rest : rest.subarray(0, end)
      length += part.length
      if (length > max) throw new RangeError(`a line is longer than ${max} bytes`)
      parts.push(part)
      if (end === -1) return
      const line = Buffer.concat(parts, length)
      parts = []
      length = 0
      online(line)
      rest = rest.subarray(end + 1)
    }
  }
}

/** Lines for a log: one that is long comes in pieces. */
export function createPieces(online: (line: Buffer) => void): (chunk: Buffer) => void {
  let begun = Buffer.alloc(0)
  return (chunk) => {
    const all = Buffer.concat([begun, chunk])
    let from = 0
    for (let at = all.indexOf(0x0a); at !== -1; at = all.indexOf(0x0a, from)) {
      online(all.subarray(from, at))
      from = at + 1
    }
    begun = all.subarray(from)
    if (begun.length < longestPiece) return
    online(begun)
    begun = Buffer.alloc(0)
  }
}
