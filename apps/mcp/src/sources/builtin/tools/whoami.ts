import { z } from 'zod'
import { defineTool, text } from './tool.ts'

export const whoami = defineTool({
  name: 'whoami',
  title: 'Who am I?',
  description:
    'Tells who you are to this server: the subject and client of your token, its scopes, and when it expires.',
  scopes: ['mcp:tools:call'],
  input: z.strictObject({}),
  run: ({ caller }) => {
    const answer = {
      subject: caller.subject,
      client: caller.clientId,
      scopes: [...caller.scopes],
      expires: new Date(caller.expiresAt * 1000).toISOString(),
      expires_at: caller.expiresAt,
    }
    return { ...text(JSON.stringify(answer, undefined, 2)), structuredContent: answer }
  },
})
