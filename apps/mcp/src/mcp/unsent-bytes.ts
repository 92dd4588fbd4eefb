// What answers hold in memory that their clients have not read. Nothing may be written to an answer but by a writer of
// here: who waits for a slow client elsewhere keeps as much in a queue that nobody counts.
import type { ServerResponse } from 'node:http'

export interface UnsentLimits {
  /** Bytes. One message may be beyond it, of whatever size a message may have. */
  readonly perAnswer: number
  /** Bytes of all answers of this process. */
  readonly total: number
}

export const defaultUnsentLimits: UnsentLimits = { perAnswer: 1_048_576, total: 67_108_864 }

/** Writes to one answer. `ended`: there was too much unsent, and its connection is gone. `full`: better wait for 'drain'. */
export type Write = (chunk: string | Uint8Array) => 'ok' | 'full' | 'ended'

export interface UnsentBytes {
  writerFor(response: ServerResponse): Write
  /** Ends an answer with the only thing that it has, or the last. Its head goes with it. */
  finish(response: ServerResponse, text: string): void
}

/** Bytes that Node keeps for each piece that waits, besides its own. */
const pieceOverhead = 512

interface Held {
  readonly response: ServerResponse
  /** Since the client last kept up. */
  pieces: number
  /** Bytes, as of the last write. */
  bytes: number
}

/**
 * Ends answers that hold more than they may; where all of them together do, those that hold the most. `onEnd` is told
 * how many bytes one held.
 */
export function createUnsentBytes({ perAnswer, total }: UnsentLimits, onEnd: (bytes: number) => void): UnsentBytes {
  const waiting = new Set<Held>()
  let sum = 0

  function count(held: Held): void {
    const bytes = held.pieces === 0 ? 0 : held.response.writableLength + held.pieces * pieceOverhead
    sum += bytes - held.bytes
    held.bytes = bytes
    if (bytes > 0) waiting.add(held)
    else waiting.delete(held)
  }

  function end(held: Held): void {
    onEnd(held.bytes)
    held.response.destroy()
    release(held)
  }

  function release(held: Held): void {
    held.pieces = 0
    count(held)
  }

  function makeRoom(): void {
    if (sum <= total) return
    for (const held of waiting) count(held) // some was sent meanwhile
    const greediest = [...waiting].sort((a, b) => a.bytes - b.bytes)
    while (sum > total) {
      const held = greediest.pop()
      if (!held) return
      end(held)
    }
  }

  return {
    finish(response, text) {
      if (response.destroyed) return
      response.end(text)
      // most are gone by now
      if (response.writableLength === 0) return
      const held: Held = { response, pieces: 1, bytes: 0 }
      response.once('close', () => release(held))
      count(held)
      makeRoom()
    },

    writerFor(response) {
      const held: Held = { response, pieces: 0, bytes: 0 }
      response.on('drain', () => release(held))
      response.once('close', () => release(held))
      return (chunk) => {
        if (response.destroyed) return 'ended'
        count(held)
        if (held.bytes > perAnswer) end(held)
        else if (response.write(chunk)) return 'ok'
        else {
          held.pieces += 1
          count(held)
          makeRoom()
        }
        return response.destroyed ? 'ended' : 'full'
      }
    },
  }
}
