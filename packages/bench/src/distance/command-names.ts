// What MONITOR of Redis tells, as a list for people: names of commands and kinds of keys, and nothing that a key holds.

export interface CommandNames {
  /** A command with its arguments, when Redis had it in seconds, and where it came from: an address, or `lua`. */
  readonly add: (seconds: number, words: readonly string[], source: string) => void
  /** In their order, as `hget user-code` or `script Grant (hmget)`: those together that came within so many milliseconds. */
  readonly inTrips: (apart: number) => readonly (readonly string[])[]
}

const scriptCommands = new Set(['eval', 'evalsha'])
/** What each script begins with. */
const ofEveryScript = 'time'

export function createCommandNames(): CommandNames {
  const commands: { readonly at: number; readonly name: string; readonly inside: string[] }[] = []
  return {
    add(at, [word = '', ...args], source) {
      const command = word.toLowerCase()
      if (source === 'lua') {
        if (command !== ofEveryScript) commands.at(-1)?.inside.push(command)
      } else if (scriptCommands.has(command)) commands.push({ at, name: `script ${kindOf(args[2])}`, inside: [] })
      else commands.push({ at, name: `${command} ${kindOf(args[0])}`.trim(), inside: [] })
    },
    inTrips(apart) {
      const trips: string[][] = []
      let last = Number.NEGATIVE_INFINITY
      for (const { at, name, inside } of commands) {
        if (at - last > apart / 1_000) trips.push([])
        last = at
        trips.at(-1)?.push(inside.length > 0 ? `${name} (${inside.join(' ')})` : name)
      }
      return trips
    },
  }
}

/** Of `auth:Grant:<hash>` it is `Grant`: names of keys have parts, some of which are hashed ids. */
function kindOf(key = ''): string {
  const [, ...parts] = key.split(':')
  return parts.filter((part) => /^[A-Za-z-]{1,24}$/.test(part)).join(':')
}
