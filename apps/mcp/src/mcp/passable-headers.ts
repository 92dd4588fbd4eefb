import type { IncomingHttpHeaders } from 'node:http'

/** Credentials, what belongs to one connection, and what says where a request came from: nobody behind us is told. */
const never =
  /^(authorization|cookie|dpop|host|origin|referer|forwarded|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-.*|accept.*|last-event-id|user-agent|via|x-real-ip|proxy-.*|x-forwarded-.*|mcp-.*|sec-.*)$/

/** The headers of a request that may be passed on at all, if a file names them; each once. */
export function passableHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const passable: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string' && !never.test(name) && !/[\r\n\0]/.test(value)) passable[name] = value
  }
  return passable
}
