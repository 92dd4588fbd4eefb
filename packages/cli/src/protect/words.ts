// What a person reads once a server is protected.
import type { Inspected } from '@gatehouse/mcp/inspect'
import { cleanLine } from '@gatehouse/network'

export interface Found {
  readonly inspected: Inspected
  /** The URL or the command, without a query. */
  readonly place: string
  readonly name: string
  readonly resource: string
  readonly issuer: string
  /** The names of the logins; none: the developer login. */
  readonly logins: readonly string[]
  readonly state: string
  /** How our own client is called here. */
  readonly client: string
}

export function welcome(found: Found): string[] {
  const { inspected, place, resource, issuer, logins, state } = found
  const destructive = inspected.tools.filter(({ isDestructive }) => isDestructive).length
  const own = cleanLine(`${inspected.name} ${inspected.version}`.trim())
  return [
    `Protected: ${own}`,
    '',
    row('Server', cleanLine(place)),
    row('Speaks', `MCP ${cleanLine(inspected.protocolVersion)}`),
    row(
      'Tools',
      `${inspected.tools.length}${destructive > 0 ? `, ${destructive} of which may change or delete things` : ''}`,
    ),
    row('Address', resource),
    row(
      'Sign-in',
      `${logins.length > 0 ? logins.join(', ') : 'developer login: ANYBODY CAN SIGN IN UNDER ANY NAME'}, at ${issuer}`,
    ),
    row('Kept in', state),
    ...(logins.length > 0 ? [] : ['', '! The developer login asks for no password. It is for this machine only.']),
    '',
    'Connect:',
    '',
    ...connectLines(found),
    '',
    'Ctrl-C ends it.',
  ]
}

/** One line to paste for each client. */
function connectLines({ name, resource, client }: Pick<Found, 'name' | 'resource' | 'client'>): string[] {
  const code = JSON.stringify({ name, type: 'http', url: resource })
  return [
    row('This program', `${client} tools --url ${resource}`),
    row('Claude Code', `claude mcp add --transport http ${name} ${resource}`),
    row('VS Code', `code --add-mcp '${code}'`),
    row('Cursor', `~/.cursor/mcp.json: ${JSON.stringify({ mcpServers: { [name]: { url: resource } } })}`),
    row('Inspector', `npx @modelcontextprotocol/inspector --server-url ${resource} --transport http`),
    row('mcp-remote', `npx mcp-remote-client ${resource}`),
  ]
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(14)}${text}`
}

/** Characters. */
const longestAuditLine = 16_384

/** A line of a service's log, as a person reads it; undefined for what nobody needs to see. */
export function logLine(service: string, line: string): string | undefined {
  try {
    const { audit, level, msg, err, upstream, line: said } = JSON.parse(line)
    // with AUDIT_TO=stdout
    if (audit !== undefined) return cleanLine(line, longestAuditLine)
    if (level < 40) return undefined
    const why = err?.message && err.message !== msg ? ` (${err.message})` : ''
    return cleanLine(`${service}: ${upstream ? `${upstream}: ` : ''}${said ?? msg ?? ''}${why}`)
  } catch {
    return cleanLine(`${service}: ${line}`)
  }
}
