// What can be wrong with somebody's server, each in one line with what to do.
import { ConfigError, UpstreamError } from '@gatehouse/mcp/inspect'
import { ClientError } from '@gatehouse/network'
import { authorizationVariable } from './file.ts'
import type { Target } from './options.ts'

export function explain(error: unknown, target: Target): ClientError {
  if (error instanceof ConfigError) {
    return new ClientError('usage', 'It cannot start like this:', { reason: error.faults.join('\n'), cause: error })
  }
  if (!(error instanceof UpstreamError)) throw error
  const { message: reason, fault } = error
  const place = placeOf(target)
  const told = (message: string, hint: string) =>
    new ClientError('unreachable', message, { reason, hint, cause: error })
  if ('command' in target) {
    if (fault === 'unreachable')
      return told(`The command ${place} cannot be started.`, 'Is it installed, and spelt as in your shell?')
    if (fault === 'interrupted')
      return told(
        `The command ${place} ended before it answered.`,
        'Its last words are above. Run it by itself to see more.',
      )
    if (fault === 'timeout')
      return told(
        `The command ${place} does not answer.`,
        'Does it speak MCP over stdio? Some need an argument for that.',
      )
    return told(`The command ${place} is no MCP server.`, 'It has to speak MCP over its standard input and output.')
  }
  if (fault === 'unauthorized') {
    const hint = `Give it one:  ${authorizationVariable}='Bearer …'  before this command`
    return told(`${place} wants a token itself.`, hint)
  }
  if (fault === 'unreachable')
    return told(`Nothing answers at ${place}.`, 'Is the server running? Start it, then try this again.')
  if (fault === 'timeout') return told(`${place} does not answer.`, 'Is it an MCP server, and is it well?')
  return told(`What is at ${place} is no MCP server.`, 'Is the path right? Most servers are at /mcp, some at /sse.')
}

/** As it may be shown: a query may hold a secret. */
export function placeOf(target: Target): string {
  if ('command' in target) return target.command.join(' ')
  const { origin, pathname } = new URL(target.url)
  return origin + pathname
}
