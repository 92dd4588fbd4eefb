// One JSON line an event. A request's line has its path without the query: codes, states and user codes travel there.
import { logOptions } from '@gatehouse/service'
import type { FastifyBaseLogger } from 'fastify'
import { type DestinationStream, pino } from 'pino'

export function createLogger(level: string, destination: DestinationStream): FastifyBaseLogger {
  return pino({ ...logOptions(level, withoutInteraction), name: 'auth' }, destination)
}

/** Drops the id of an interaction, which is as good as its cookie. */
function withoutInteraction(path: string): string {
  return path.replace(/^\/(interaction|authorize|device)\/[^/]+/, '/$1/…')
}
