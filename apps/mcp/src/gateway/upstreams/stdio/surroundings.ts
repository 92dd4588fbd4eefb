// What a command is started with: folders of its own, and an environment that has nothing of ours.
import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import type { StdioUpstream } from '../../settings.ts'
import type { Identity } from './run-as.ts'

export interface Surroundings {
  readonly environment: Readonly<Record<string, string>>
  /** Those of its environment that come from the settings. */
  readonly given: Readonly<Record<string, string>>
  /** What every environment of its group has in it, and no other process has. */
  readonly mark: string
}

/** `home` is the folder that has the private folders of all upstreams. Throws if a secret cannot be read. */
export function prepareSurroundings(
  { name, env }: StdioUpstream,
  home: string,
  inherited: Readonly<Record<string, string | undefined>>,
  owner: Identity | undefined,
): Surroundings {
  // Another user has to get to its own folder, and sees no other's.
  mkdirSync(home, { recursive: true, mode: 0o711 })
  const isOther = owner && owner.uid !== process.getuid?.()
  if (isOther) checkReach(home, owner)
  const own = join(home, name)
  const folders = { HOME: join(own, 'home'), TMPDIR: join(own, 'tmp') }
  // Ours, so that a command of another user cannot put something else in the place of its folders.
  prepareFolder(own, isOther ? 0o711 : 0o700, ourselves())
  // A command is started in its folder before it is another user's: our group may enter, and do no more.
  const theirs = isOther ? { uid: owner.uid, gid: ourselves().gid } : ourselves()
  for (const folder of Object.values(folders)) prepareFolder(folder, isOther ? 0o710 : 0o700, theirs)
  const { PATH, LANG } = inherited
  const given = Object.fromEntries(Object.entries(env).map(([key, read]) => [key, read()]))
  const environment = { ...(PATH && { PATH }), ...(LANG && { LANG }), ...folders, ...given }
  return { environment, given, mark: own + sep }
}

/** Root needs no right over files of others for it but CAP_CHOWN. */
function prepareFolder(folder: string, mode: number, { uid, gid }: Identity): void {
  mkdirSync(folder, { recursive: true, mode })
  const now = statSync(folder)
  const give = (to: Identity) => process.getuid?.() === 0 && chownSync(folder, to.uid, to.gid)
  const isRight = (now.mode & 0o777) === mode
  if (!isRight) {
    // a mode is changed by the owner
    give(ourselves())
    chmodSync(folder, mode)
  }
  if (!isRight || now.uid !== uid || now.gid !== gid) give({ uid, gid })
}

const ourselves = (): Identity => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 })

/** Throws where a folder on the way is closed to that user. */
function checkReach(folder: string, { uid, gid }: Identity): void {
  const status = statSync(folder)
  const bit = status.uid === uid ? 0o100 : status.gid === gid ? 0o010 : 0o001
  if ((status.mode & bit) === 0) throw new Error(`user ${uid} cannot get to ${folder}: let it through by chmod o+x`)
  if (dirname(folder) !== folder) checkReach(dirname(folder), { uid, gid })
}
