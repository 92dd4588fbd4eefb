import type { ReplCommand } from './command.ts'
import type { Named } from './live-server.ts'

export interface Completion {
  /** What could stand in the place of `part`. */
  readonly found: readonly string[]
  /** The end of the line that is completed. */
  readonly part: string
}

/** Completes the command, and after it the names that the command takes. */
export async function complete(
  line: string,
  commands: readonly ReplCommand[],
  names: (kind: Named) => Promise<readonly string[]>,
): Promise<Completion> {
  const [, first = '', blank, rest = ''] = /^\s*(\S*)(\s+)?(.*)$/.exec(line) ?? []
  if (blank === undefined)
    return matching(
      first,
      commands.map(({ name }) => `${name} `),
    )
  const kind = commands.find(({ name }) => name === first)?.completes
  if (kind === undefined || /\s/.test(rest)) return { found: [], part: rest }
  return matching(
    rest,
    (await names(kind)).filter(isPlain).map((name) => `${name} `),
  )
}

function matching(part: string, all: readonly string[]): Completion {
  return { found: all.filter((one) => one.startsWith(part)), part }
}

/** A name from the server goes into the line as it is: only if it is one word of visible ASCII. */
function isPlain(name: string): boolean {
  return /^[\x21-\x7e]{1,200}$/.test(name)
}
