import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface Identity {
  readonly uid: number
  readonly gid: number
}

/** The user to run as. Throws an Error that says what to do. */
export async function userToRunAs(user: string): Promise<Identity> {
  const [uid, gid] = await Promise.all([ask('-u', user), ask('-g', user)])
  const own = process.getuid?.()
  if (own !== 0 && own !== uid) {
    throw new Error(`cannot run as user ${user}: only root may; run the gateway as that user, or leave \`user\` out`)
  }
  return { uid, gid }
}

async function ask(what: '-u' | '-g', user: string): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)('id', [what, '--', user], { env: { PATH: '/usr/bin:/bin' } })
    return Number(stdout)
  } catch {
    // An id that no user has a name for is the group's too.
    if (/^\d{1,9}$/.test(user)) return Number(user)
    throw new Error(`there is no user ${user} on this machine`)
  }
}
