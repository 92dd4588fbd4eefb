import { cleanLine } from '@gatehouse/network'
import { resultText } from '../mcp/content.ts'
import { subjectForDisplay } from '../session/session.ts'
import { pad } from '../terminal/layout.ts'
import { timeLeft } from '../terminal/sign-in-prompts.ts'
import type { Command } from './command.ts'
import { signInOptions } from './options.ts'
import { sessionDocument } from './session-document.ts'

export const whoami: Command = {
  name: 'whoami',
  summary: 'show who you are signed in as, and for how long',
  details: [
    'Asks the server, by its tool "whoami" if it has one. The subject comes from its answer; without one it is what the access token says, which this app does not verify.',
  ],
  options: signInOptions,
  async run({ client, ensureSignedIn, terminal, clock, timeout, json }) {
    await ensureSignedIn()
    const answer = await client.withServer(
      async (server) => {
        const known = (await server.listTools()).some(({ name }) => name === 'whoami')
        return known ? await server.callTool('whoami', {}) : undefined
      },
      { timeout },
    )
    const session = await client.session() // after the request: it may have been renewed
    const subject = subjectIn(answer?.structuredContent) ?? subjectForDisplay(session.accessToken)
    const document = { subject, ...sessionDocument(session) }
    if (json) {
      terminal.json({ ...document, server_answer: answer?.structuredContent ?? (answer && resultText(answer)) })
      return undefined
    }
    const expires = session.expiresAt === undefined ? 'unknown' : timeLeft(session.expiresAt - clock.now())
    for (const [label, value] of [
      ['Subject', subject ?? 'unknown'],
      ['Client', session.clientId],
      ['Scopes', session.scope || 'none'],
      ['Expires', `${expires}, ${document.renewable ? 'then renewed by itself' : 'then sign in again'}`],
      ['Issuer', session.issuer],
      ['Resource', session.resource],
    ] as const) {
      terminal.result(`${pad(label, 10)}${cleanLine(value)}`)
    }
    return undefined
  },
}

function subjectIn(structured: unknown): string | undefined {
  const { subject, sub } = (structured ?? {}) as Record<string, unknown>
  return [subject, sub].find((one) => typeof one === 'string')
}
