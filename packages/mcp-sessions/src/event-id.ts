import { isPosition, type Position } from './store/contract.ts'

/** The `id:` of an event, unique within its session: the stream, and where in the session's log. */
export function formatEventId(stream: string, position: Position): string {
  return `${stream}.${position}`
}

/** Undefined for what is no event id of ours. Whether there is such an event is for the store to say. */
export function parseEventId(id: string): { readonly stream: string; readonly position: Position } | undefined {
  const [stream = '', position = '', ...rest] = id.split('.')
  return /^[\w-]{1,22}$/.test(stream) && isPosition(position) && rest.length === 0 ? { stream, position } : undefined
}
