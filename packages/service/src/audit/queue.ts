// Lines on their way to a place that may be slow, full or gone. Nobody waits for it: lines are kept up to a bound, in order, and
// what is beyond it is dropped. What was taken is sent again until it arrives, or until the process ends.
import { setTimeout as sleep } from 'node:timers/promises'

/** Bytes that wait, and that are sent at once. */
const mostBytes = 8_388_608
const mostAtOnce = 262_144
/** Milliseconds after some were sent, in which more may come, to be sent together. */
const gathering = 10
/** Milliseconds between attempts: the first, and the longest. */
const shortestPause = 250
const longestPause = 30_000

export interface Sent {
  /** How many lines, from the first, arrived. */
  readonly arrived: number
  /** How many after those will never be taken. */
  readonly refused?: number
  readonly error?: Error | undefined
}

export interface Sink {
  /** Never rejects. The same lines come again from the first that neither arrived nor was refused. */
  send(lines: readonly Buffer[]): Promise<Sent>
  close(): Promise<void>
}

export interface QueueOptions {
  readonly sink: Sink
  readonly onArrived: (lines: number) => void
  readonly onLost: (lines: number) => void
  /** An attempt failed. */
  readonly onTrouble: (error: Error) => void
  /** All that waited has arrived. */
  readonly onFine: () => void
  readonly mostWaiting?: number
  readonly firstPause?: number
}

export interface Queue {
  /** False: there is no room for it. */
  push(line: string): boolean
  /** Tries at once what waits. */
  hurry(): void
  /** Takes nothing more. What has not arrived after so many milliseconds is lost. */
  close(within: number): Promise<void>
}

export function createQueue(options: QueueOptions): Queue {
  const { sink, onArrived, onLost, onTrouble, onFine } = options
  const { mostWaiting = mostBytes, firstPause = shortestPause } = options
  const lines: Buffer[] = []
  let bytes = 0
  let pumping: Promise<void> | undefined
  let pausing: AbortController | undefined
  let isClosing = false

  function batch(): readonly Buffer[] {
    let size = 0
    const end = lines.findIndex((line, index) => {
      size += line.length
      return index > 0 && size > mostAtOnce
    })
    return lines.slice(0, end === -1 ? lines.length : end)
  }

  function take(count: number): void {
    for (const line of lines.splice(0, count)) bytes -= line.length
  }

  async function rest(milliseconds: number): Promise<void> {
    pausing = new AbortController()
    await sleep(milliseconds, undefined, { signal: pausing.signal, ref: false }).catch(() => undefined)
  }

  async function pump(): Promise<void> {
    let pause = firstPause
    while (lines.length > 0) {
      const { arrived, refused = 0, error } = await sink.send(batch())
      take(arrived + refused)
      if (arrived > 0) onArrived(arrived)
      if (refused > 0) onLost(refused)
      if (!error) {
        if (lines.length === 0) onFine()
        pause = firstPause
        if (!isClosing) await rest(gathering)
        continue
      }
      onTrouble(error)
      if (isClosing) return
      await rest(pause)
      pause = Math.min(2 * pause, longestPause)
    }
  }

  function start(): void {
    pumping ??= pump().finally(() => {
      pumping = undefined
      if (lines.length > 0 && !isClosing) start()
    })
  }

  return {
    push(line) {
      const buffer = Buffer.from(line)
      if (isClosing || bytes + buffer.length > mostWaiting) return false
      lines.push(buffer)
      bytes += buffer.length
      start()
      return true
    },
    hurry: () => pausing?.abort(),
    async close(within) {
      isClosing = true
      pausing?.abort()
      await Promise.race([pumping, sleep(within, undefined, { ref: false })])
      if (lines.length > 0) onLost(lines.length)
      take(lines.length)
      await Promise.race([sink.close(), sleep(within, undefined, { ref: false })])
    },
  }
}
