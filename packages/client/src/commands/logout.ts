import type { Command } from './command.ts'
import { identityOptions } from './options.ts'

export const logout: Command = {
  name: 'logout',
  summary: 'forget the sign-in, and have the server revoke it',
  options: identityOptions,
  async run({ client, terminal, json }) {
    const ended = await client.signOut()
    if (json) terminal.json({ signed_out: ended !== undefined, revoked: ended?.revoked ?? false })
    else if (!ended) terminal.note(`You were not signed in to ${client.url.href}.`)
    else if (ended.revoked) terminal.success(`Signed out of ${client.url.href}.`)
    else terminal.warning(`Signed out here. The server did not confirm that the sign-in is revoked there too.`)
    return undefined
  },
}
