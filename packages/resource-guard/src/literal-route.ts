/** Encoded, these mean something else than as they are, and the router cannot be told of them. */
const reserved = /%(?:23|24|26|2B|2C|2F|3A|3B|3D|3F|40)/i

/**
 * What Fastify's router has to be given to serve a URL's path as it stands: it reads `:` and `*` as patterns, and
 * compares with what a request's path says when it is decoded. Throws a `TypeError` for a path that it cannot serve so.
 */
export function literalRoute(pathname: string): string {
  const decoded = decode(pathname)
  if (decoded === undefined) throw new TypeError('has a % in its path that encodes nothing')
  if (decoded.includes('*')) throw new TypeError('has a * in its path, which stands for any path')
  if (reserved.test(pathname.replaceAll('%25', '_'))) {
    throw new TypeError('has one of #$&+,/:;=?@ encoded in its path, which cannot be told from a path without it')
  }
  return decoded.replaceAll(':', '::')
}

function decode(pathname: string): string | undefined {
  try {
    return decodeURI(pathname)
  } catch {
    return undefined
  }
}
