// Standard output as a place for log lines that cannot stop a service. A full disk, a reader that went away or one that does
// not read costs lines and nothing else: they are dropped, counted, and owned up to when a line gets through again.
import { fstatSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Bytes that may wait for a reader. */
const mostWaiting = 1_048_576
const standardOutput = 1

export interface LogStream {
  /** One line, its end included. False: it was dropped. Never throws; waits for a terminal and for nothing else. */
  write(line: string): boolean
  /** Lines that nobody got. */
  readonly dropped: () => number
}

/** For one logger a process: it takes standard output over. */
export function openLogStream(): LogStream {
  let dropped = 0
  let notTold = 0
  const lose = () => {
    dropped += 1
    notTold += 1
  }
  const send = hasReader() ? sendToReader(lose) : sendToFile()
  return {
    write(line) {
      if (notTold > 0 && send(confessionOf(notTold))) notTold = 0
      const isSent = notTold === 0 && send(line)
      if (!isSent) lose()
      return isSent
    },
    dropped: () => dropped,
  }
}

/** Whether it is a pipe or a socket, which is written to without waiting; or a terminal, which is waited for. */
function hasReader(): boolean {
  const stat = fstatSync(standardOutput)
  return stat.isFIFO() || stat.isSocket() || isatty(standardOutput)
}

function sendToReader(lose: () => void) {
  const { stdout } = process
  let isGathering = false
  let isEnding = false
  const release = (): void => {
    isGathering = false
    stdout.uncork()
  }
  // a reader that went away: told to each write as well
  stdout.on('error', () => undefined)
  process.on('exit', () => {
    isEnding = true
    if (isGathering) release()
  })
  return (line: string): boolean => {
    if (stdout.writableLength + line.length > mostWaiting) return false
    // lines of one turn of the loop leave together: those of a turn that never ends do not
    if (!isGathering && !isEnding) {
      isGathering = true
      stdout.cork()
      setImmediate(release)
    }
    stdout.write(line, (error) => {
      if (error) lose()
    })
    return true
  }
}

function sendToFile(): (line: string) => boolean {
  let isTorn = false
  return (line) => {
    // what follows the first part of a line begins a line of its own
    const bytes = Buffer.from(isTorn ? `\n${line}` : line)
    try {
      const written = writeSync(standardOutput, bytes)
      if (written > 0) isTorn = written < bytes.length
      return written === bytes.length
    } catch {
      return false
    }
  }
}

function confessionOf(lines: number): string {
  return `${JSON.stringify({ level: 40, time: Date.now(), pid: process.pid, lines, msg: 'log lines were dropped' })}\n`
}
