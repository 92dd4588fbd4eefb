// Commands to Redis, by the channels on which ioredis tells of them. Their names alone: keys and values are nobody's business.
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { activeSpan, type Span, startSpan } from './span.ts'

interface Command {
  readonly command: string
  readonly database: number
  readonly serverAddress: string
  readonly serverPort: number | undefined
  readonly error?: unknown
}

/** Those of something that is traced; the rest (heartbeats, looks at memory) belongs to nothing. Returns how to stop. */
export function traceRedis(): () => void {
  const spans = new WeakMap<object, Span>()
  const begun = (message: unknown): void => {
    const { command, database, serverAddress, serverPort } = message as Command
    if (!activeSpan()) return
    const name = command.toUpperCase()
    const attributes = {
      'db.system.name': 'redis',
      'db.operation.name': name,
      'db.namespace': String(database),
      'server.address': serverAddress,
      'server.port': serverPort,
    }
    const span = startSpan(name, { kind: 'client', attributes })
    if (span) spans.set(message as object, span)
  }
  const failed = (message: unknown): void => {
    const { error } = message as Command
    // its first word: the rest may quote what was sent
    const [code = ''] = error instanceof Error ? error.message.split(' ') : []
    spans.get(message as object)?.fail(/^[A-Z]+$/.test(code) ? code : '_OTHER')
  }
  const ended = (message: unknown): void => spans.get(message as object)?.end()
  const { start, asyncEnd, error } = tracingChannel('ioredis:command')
  const heard = [
    [start, begun],
    [error, failed],
    [asyncEnd, ended],
  ] as const
  for (const [from, hear] of heard) channel(from.name as string).subscribe(hear)
  return () => {
    for (const [from, hear] of heard) channel(from.name as string).unsubscribe(hear)
  }
}
