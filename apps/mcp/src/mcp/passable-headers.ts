import type { IncomingMessage } from 'node:http'

/** Credentials, what belongs to one connection, and what says where a request came from: nobody behind us is told. */
const never =
  /^(authorization|cookie|dpop|host|origin|referer|forwarded|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-.*|accept.*|last-event-id|user-agent|via|x-real-ip|proxy-.*|x-forwarded-.*|mcp-.*|sec-.*)$/

/** The headers of a request that may be passed on at all, if a file names them. One that is there twice says nothing. */
export function passableHeaders(
  request: Pick<IncomingMessage, 'headers' | 'headersDistinct'>,
): Readonly<Record<string, string>> {
  const passable: Record<string, string> = {}
  for (const name of Object.keys(request.headers)) {
    if (never.test(name)) continue
    const [value, ...others] = request.headersDistinct[name] ?? []
    const isOne = value !== undefined && others.length === 0
    if (isOne && !/[\r\n\0]/.test(value)) passable[name] = value
  }
  return passable
}
