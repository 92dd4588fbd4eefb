import type { Command } from './command.ts'
import { identityOptions } from './options.ts'
import { isoTime } from './session-document.ts'

export const token: Command = {
  name: 'token',
  summary: 'print a valid access token, renewed if needed',
  details: [
    'For scripts: curl -H "Authorization: Bearer $(gatehouse token)" … It never asks anybody to sign in: without a sign-in it ends with exit code 3, except as a machine (GATEHOUSE_CLIENT_SECRET), which needs nobody.',
    'Anyone who has the token is you, until it expires: do not put it into logs.',
  ],
  options: identityOptions,
  async run({ client, ensureSignedIn, needsNobody, terminal, json }) {
    const { accessToken, expiresAt, scope } = await (needsNobody ? ensureSignedIn() : client.session())
    if (json) terminal.json({ access_token: accessToken, token_type: 'Bearer', scope, expires_at: isoTime(expiresAt) })
    else terminal.result(accessToken)
    return undefined
  },
}
