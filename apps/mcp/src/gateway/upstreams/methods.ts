/** Requests by which something is looked at. */
export const lookings: readonly string[] = [
  'tools/list',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
]

/** Requests that change nothing. Of what nobody has heard of, nobody knows. */
export const reads: ReadonlySet<string> = new Set([...lookings, 'tasks/get'])

/** Requests of a connection of our own. */
const ours = ['server/discover', 'initialize', 'subscriptions/listen', 'ping']

/** Whether a request may have changed something, if it is not known whether it ran. */
export function mayChange(method: string): boolean {
  return !reads.has(method) && !ours.includes(method)
}
