import { cleanLine } from '@gatehouse/network'
import { done, type ReplCommand, type Shown } from './command.ts'
import type { LiveServer } from './live-server.ts'

export const connectionCommands: readonly ReplCommand[] = [
  {
    name: 'connect',
    operands: '[URL]',
    summary: 'connect, to another server if you name one; sign in if needed',
    async run(live, rest, stop) {
      const opened = await live.connect(rest || undefined, stop)
      return connected(live, opened ? 'Connected to' : 'You are connected to')
    },
  },
  {
    name: 'disconnect',
    summary: 'cut the connection; a session stays open at the server',
    async run(live) {
      const sessionId = live.connection?.sessionId
      if (!(await live.disconnect())) return done('You were not connected.', { disconnected: false })
      const left = sessionId === undefined ? '' : ' The session stays open: reconnect goes on with it.'
      return done(`Disconnected.${left}`, { disconnected: true, session_kept: sessionId !== undefined })
    },
  },
  {
    name: 'reconnect',
    summary: 'go on with the session, with what the server said meanwhile',
    async run(live, _rest, stop) {
      await live.reconnect(stop)
      return connected(live, 'Connected to')
    },
  },
  {
    name: 'terminate-session',
    summary: 'have the server end the session, and disconnect',
    async run(live) {
      const ended = await live.terminateSession()
      return done(ended ? 'The session is ended.' : 'There is no session to end.', { terminated: ended })
    },
  },
]

function connected({ url, connection }: LiveServer, how: string): Shown {
  const { server, protocolVersion, sessionId } = connection ?? {}
  const name = server ? ` (${cleanLine(`${server.title ?? server.name} ${server.version}`, 80)})` : ''
  const session = sessionId === undefined ? 'no session' : `session ${cleanLine(sessionId, 40)}`
  return done(`${how} ${url.href}${name}: protocol ${protocolVersion}, ${session}.`, {
    url: url.href,
    server,
    protocol: protocolVersion,
    session: sessionId,
  })
}
