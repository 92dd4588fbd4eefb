// What a command writes that is no message, into our log: under its upstream's name, 8 KB a second at most, without the values
// of its environment.
import type { StdioLog } from './process-groups.ts'

const bytesPerSecond = 8 * 1024
const longestLine = 2 * 1024
/** A shorter value is in too many words. */
const shortestSecret = 8

export interface ChildLog {
  /** A line of standard error. */
  stderr(line: Buffer): void
  /** A line of standard output that is no message. */
  noMessage(line: Buffer, why: string): void
  /** Says how much was left out last. */
  end(): void
}

export interface ChildLogOptions {
  readonly upstream: string
  readonly log: StdioLog
  readonly environment: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly now: () => number
}

export function createChildLog({ upstream, log, environment, now }: ChildLogOptions): ChildLog {
  const secrets = Object.entries(environment).filter(([, value]) => value.length >= shortestSecret)
  let second = Number.NEGATIVE_INFINITY
  let left = 0
  let dropped = 0

  function sayDropped(): void {
    if (dropped > 0) log.warn({ upstream, bytes: dropped }, 'output of a command was left out of the log: over 8 KB/s')
    dropped = 0
  }

  function admit(line: Buffer): string | undefined {
    if (now() - second >= 1_000) {
      sayDropped()
      second = now()
      left = bytesPerSecond
    }
    const whole = hide(line.toString('utf8').trimEnd())
    const text = whole.slice(0, longestLine)
    const size = Buffer.byteLength(text)
    if (size > left) {
      dropped += line.length
      return undefined
    }
    left -= size
    return text.length < whole.length ? `${text}…` : text
  }

  function hide(text: string): string {
    return secrets.reduce((shown, [name, value]) => shown.replaceAll(value, `[${name}]`), text)
  }

  return {
    stderr(line) {
      const text = admit(line)
      if (text) log.info({ upstream, stderr: text }, 'a command says')
    },
    noMessage(line, why) {
      const text = admit(line)
      if (text !== undefined)
        log.warn({ upstream, stdout: text, why }, 'a command writes what is no message: it is skipped')
    },
    end: sayDropped,
  }
}
