// Where keys, sign-ins and sessions of a protected server are kept: below the person's own state folder, a folder for each
// server, and never where the server can be asked for it.
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { ClientError } from '@gatehouse/network'
import type { Environment } from '@gatehouse/shared'
import envPaths from 'env-paths'
import type { Target } from './options.ts'

/** Makes it, for its owner alone. `folder`: where the person is. Throws a {@link ClientError}. */
export function openState(
  target: Target,
  { env, folder }: { readonly env: Environment; readonly folder: string },
): string {
  const root = env.GATEHOUSE_HOME || envPaths('gatehouse', { suffix: '' }).data
  const what = 'url' in target ? target.url : JSON.stringify([folder, ...target.command])
  const state = join(root, 'protect', createHash('sha256').update(what).digest('hex').slice(0, 16))
  mkdirSync(state, { recursive: true, mode: 0o700 })
  chmodSync(state, 0o700)
  if ('command' in target) refuseFoldersAround(realpathSync(state), target.command, folder)
  return state
}

/** A server that serves files would serve the keys. */
function refuseFoldersAround(state: string, words: readonly string[], folder: string): void {
  for (const word of words) {
    const place = folderAt(resolve(folder, word.replace(/^--?[\w-]+=/, '')))
    if (place === undefined || !(state + sep).startsWith(place === sep ? sep : place + sep)) continue
    throw new ClientError('usage', `The command is given ${place}, which holds this program's keys (${state}).`, {
      reason: 'A server that reads files there could hand them out.',
      hint: 'Give it a folder below, or keep the keys elsewhere: GATEHOUSE_HOME=/another/folder',
    })
  }
}

function folderAt(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? realpathSync(path) : undefined
  } catch {
    return undefined
  }
}
