// `gateway diff`: what changed since somebody pinned it, as a person reads it.
import { type Difference, LockError, type Pin } from '@gatehouse/mcp/inspect'
import { ClientError } from '@gatehouse/network'
import type { CommandContext } from '../command.ts'
import { jsonPath, linesOf } from './difference-words.ts'
import { type Asked, askedFor, askServers, changesOf, pinnedIn } from './live.ts'

/** Returns 0 if the servers are as they were pinned, else 1, also where one cannot be asked. */
export async function diffFile(context: CommandContext): Promise<number> {
  const { terminal } = context
  const asked = askedFor('diff', context)
  const pinned = pinnedNow(asked, context)
  const live = await askServers(asked, context)
  const changes = changesOf(pinned, live, asked)
  const isSame = changes.length === 0 && live.faults.length === 0
  if (asked.isJson) {
    terminal.json({ ok: isSame, lock: asked.lock, faults: live.faults, changes: changes.map(rowOf) })
    return isSame ? 0 : 1
  }
  for (const fault of live.faults) terminal.failure(fault)
  const style: typeof terminal.style = (format, text) =>
    terminal.resultsOnTerminal ? terminal.style(format, text) : text
  if (changes.length > 0) terminal.result(changes.map((one) => linesOf(one, style).join('\n')).join('\n\n'))
  if (isSame) terminal.success(`All is as it was pinned in ${asked.lock}.`)
  else if (changes.length > 0) terminal.note('Read it. If it is well, "gateway pin" makes it count.')
  return isSame ? 0 : 1
}

function pinnedNow({ lock, file }: Asked, { programs }: CommandContext): readonly Pin[] {
  const hint = `Write it: ${programs.client} gateway pin ${file}`
  try {
    const pinned = pinnedIn(lock)
    if (pinned) return pinned
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    throw new ClientError('usage', `${lock} ${error.message}.`, { hint })
  }
  throw new ClientError('usage', `There is no ${lock}.`, { hint })
}

function rowOf({ upstream, kind, name, change, values }: Difference) {
  return {
    ...{ upstream, kind, name, change },
    values: values.map(({ path, before, now }) => ({ path: jsonPath(path), before, now })),
  }
}
