import { subjectForDisplay } from '../session/session.ts'
import type { Command } from './command.ts'
import { signInOptions } from './options.ts'
import { sessionDocument } from './session-document.ts'

export const login: Command = {
  name: 'login',
  summary: 'sign in, and keep the sign-in for the other commands',
  details: [
    'Without --device, --browser or --machine: with a code on any device, or as a machine where GATEHOUSE_CLIENT_SECRET is set.',
    'In scripts: what the person has to do is on standard error, with the address after "Open" and the code after "Code"; with --json the result is one document on standard output when the sign-in is over. The document holds no token: use the command "token".',
  ],
  options: signInOptions,
  async run({ signIn, terminal, json }) {
    const session = await signIn()
    if (json) terminal.json({ ...sessionDocument(session), subject: subjectForDisplay(session.accessToken) })
    return undefined
  },
}
