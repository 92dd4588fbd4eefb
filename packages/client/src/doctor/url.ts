import { ClientError, cleanLine } from '@gatehouse/network'

/** The address to examine. Unlike one to sign in at it may be http: that this is a fault is for the doctor to say. */
export function examinedUrl(typed: string): URL {
  const url = URL.parse(typed)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new ClientError('usage', `"${cleanLine(typed, 80)}" is not the address of an MCP server.`, {
      hint: 'Give it whole: gatehouse doctor https://example.com/mcp',
    })
  }
  url.hash = ''
  return url
}
