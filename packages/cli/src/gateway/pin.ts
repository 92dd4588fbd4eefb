// `gateway pin`: writes down what the servers of a file say now, for a person to review. From then on that is what counts.
import { readFileSync } from 'node:fs'
import { LockError, lockOf, type Pin, textOfLock } from '@gatehouse/mcp/inspect'
import { ClientError } from '@gatehouse/network'
import writeFileAtomic from 'write-file-atomic'
import type { CommandContext } from '../command.ts'
import { type Asked, askedFor, askServers, changesOf, pinnedIn, shownName } from './live.ts'

const marks = { new: '+', changed: '~', gone: '-' } as const

/** Returns 0 if the lock is as the servers are now, else 1: then it is as it was. */
export async function pinFile(context: CommandContext): Promise<number> {
  const { terminal } = context
  const asked = askedFor('pin', context)
  const before = pinnedBefore(asked, context)
  const live = await askServers(asked, context)
  if (live.faults.length > 0) {
    if (asked.isJson) terminal.json({ ok: false, lock: asked.lock, faults: live.faults })
    else {
      for (const fault of live.faults) terminal.failure(fault)
      terminal.note('Nothing was written: a lock has all of a server, or what it had. --upstream NAME pins one.')
    }
    return 1
  }
  const others = before.filter(({ upstream }) => asked.only && !asked.only.includes(upstream))
  const lock = lockOf([...others, ...live.pins])
  await write(asked.lock, textOfLock(lock))
  const changes = changesOf(before, live, asked)
  const count = (change: keyof typeof marks) => changes.filter((one) => one.change === change).length
  const counts = { new: count('new'), changed: count('changed'), gone: count('gone') }
  if (asked.isJson) {
    const rows = changes.map(({ upstream, kind, name, change }) => ({ upstream, kind, name, change }))
    terminal.json({ ok: true, lock: asked.lock, pins: lock.pins.length, ...counts, changes: rows })
    return 0
  }
  if (changes.length > 0) terminal.lines(changes.map((one) => `${marks[one.change]} ${one.upstream} ${shownName(one)}`))
  terminal.success(
    `${asked.lock}: ${lock.pins.length} pinned, ${counts.new} new, ${counts.changed} changed, ${counts.gone} gone`,
  )
  if (live.mode === 'off') terminal.note('Pins are off in the file: "pins: { mode: enforce }" makes them count.')
  return 0
}

/** What cannot be read is written again, unless there is something in it that nobody is asked for. */
function pinnedBefore({ lock, only }: Asked, { terminal }: CommandContext): readonly Pin[] {
  try {
    return pinnedIn(lock) ?? []
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    if (only)
      throw new ClientError('usage', `${lock} ${error.message}.`, { hint: 'Pin all servers: leave out --upstream.' })
    terminal.warning(`${lock} ${error.message}: it is written from the beginning.`)
    return []
  }
}

/** The whole or nothing. What is as it was is left alone. */
async function write(lock: string, text: string): Promise<void> {
  try {
    if (readFileSync(lock, 'utf8') === text) return
  } catch {} // it is not there, or cannot be read
  try {
    await writeFileAtomic(lock, text)
  } catch (error) {
    throw new ClientError('usage', `${lock} cannot be written (${(error as NodeJS.ErrnoException).code}).`, {
      hint: 'Pin where the file comes from, such as its repository: what is mounted into a container is often read-only.',
    })
  }
}
