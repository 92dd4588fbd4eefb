import type { IncomingMessage } from 'node:http'

/** Credentials, what belongs to one connection, and what says where a request came from: nobody behind us is told. */
const never =
  /^(authorization|cookie|dpop|host|origin|referer|forwarded|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-.*|accept.*|last-event-id|user-agent|via|x-real-ip|proxy-.*|x-forwarded-.*|mcp-.*|sec-.*)$/

/** The headers of a request that may be passed on at all, if a file names them. One that is there twice says nothing. */
export function passableHeaders({
  headersDistinct,
}: Pick<IncomingMessage, 'headersDistinct'>): Readonly<Record<string, string>> {
  const passable: Record<string, string> = {}
  for (const [name, [value, ...others] = []] of Object.entries(headersDistinct)) {
    const isOne = value !== undefined && others.length === 0
    if (isOne && !never.test(name) && !/[\r\n\0]/.test(value)) passable[name] = value
  }
  return passable
}
