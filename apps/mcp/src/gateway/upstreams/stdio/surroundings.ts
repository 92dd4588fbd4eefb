// What a command is started with: folders of its own, and an environment that has nothing of ours.
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join, sep } from 'node:path'
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
  const own = join(home, name)
  const folders = { HOME: join(own, 'home'), TMPDIR: join(own, 'tmp') }
  for (const folder of [own, ...Object.values(folders)]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    if (owner && process.getuid?.() === 0) chownSync(folder, owner.uid, owner.gid)
  }
  const { PATH, LANG } = inherited
  const given = Object.fromEntries(Object.entries(env).map(([key, read]) => [key, read()]))
  const environment = { ...(PATH && { PATH }), ...(LANG && { LANG }), ...folders, ...given }
  return { environment, given, mark: own + sep }
}
