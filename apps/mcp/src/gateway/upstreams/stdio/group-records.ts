// What runs, one file a process group, so that what a gateway left behind is found and ended: by its guard, or when a gateway
// is started on the same folder. A group is ended only if it is the one that was recorded, and its gateway is gone.
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { endGroup, type Grace } from './end-group.ts'
import {
  hasInEnvironment,
  identify,
  isRunning,
  membersOf,
  type ProcessIdentity,
  placeOfPids,
} from './process-identity.ts'

interface GroupRecord {
  /** Where the pids are from. */
  readonly place: string
  readonly gateway: ProcessIdentity
  /** The group's leader, whose pid is the group's. */
  readonly leader: ProcessIdentity
  /** What the environment of all in the group has in it, to know them by once their leader is gone. */
  readonly mark: string
}

/** Milliseconds after which a record of another machine is removed. */
const tooOld = 7 * 24 * 60 * 60 * 1_000

/** Returns the function that removes the record. */
export function recordGroup(
  folder: string,
  gateway: ProcessIdentity,
  leader: ProcessIdentity,
  mark: string,
): () => void {
  const path = join(folder, `${randomUUID()}.json`)
  const record: GroupRecord = { place: placeOfPids(), gateway, leader, mark }
  writeFileSync(path, JSON.stringify(record), { mode: 0o600, flag: 'wx' })
  return () => rmSync(path, { force: true })
}

/** Beside it are the folders of commands, which other users have to get to. */
export function prepareRecords(folder: string): void {
  const parent = dirname(folder)
  mkdirSync(dirname(parent), { recursive: true, mode: 0o700 })
  mkdirSync(parent, { recursive: true, mode: 0o711 })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
}

/**
 * Ends what gateways that are gone left running, and `ended`'s too. Resolves with how many groups that were, and the pids of
 * groups that would not end.
 */
export async function endLeftGroups(
  folder: string,
  grace: Grace,
  ended?: ProcessIdentity,
): Promise<{ ended: number; left: number[] }> {
  const place = placeOfPids()
  const result = { ended: 0, left: [] as number[] }
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const record = readRecord(path)
      if (!record) return
      if (record.place !== place) return removeIfOld(path)
      const { gateway, leader } = record
      const isEnded = gateway.pid === ended?.pid && gateway.started === ended.started
      if (!isEnded && isRunning(gateway)) return
      if (isStillIt(record)) {
        if (await endGroup(leader.pid, grace)) result.ended += 1
        else result.left.push(leader.pid)
      }
      rmSync(path, { force: true })
    }),
  )
  return result
}

/** A pid is not given again while a group of that number has members: they are strangers' only if the whole group had ended. */
function isStillIt({ leader, mark }: GroupRecord): boolean {
  const now = identify(leader.pid)
  if (now) return now.started === leader.started
  const members = membersOf(leader.pid)
  return members.length > 0 && members.every((pid) => hasInEnvironment(pid, mark))
}

/** Undefined for what is gone meanwhile, or was cut off while it was written: such a file is removed. */
function readRecord(path: string): GroupRecord | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as GroupRecord
  } catch (error) {
    if (error instanceof SyntaxError) removeIfOld(path)
    return undefined
  }
}

function removeIfOld(path: string): void {
  try {
    if (statSync(path).mtimeMs < Date.now() - tooOld) rmSync(path, { force: true })
  } catch {
    // Another gateway removed it.
  }
}
