// Which headers a file may name: those of a connection, of the protocol and of a proxy are ours, or nobody's.
import { z } from 'zod'

/** RFC 9110 §5.1. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** RFC 9110 §7.6.1, and what frames a message. */
const hopByHop =
  /^(connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-(length|type|encoding)|expect|http2-settings)$/
const ours = /^(accept(-.*)?|host|origin|user-agent|last-event-id|mcp-.*|sec-.*)$/
const credentials = /^(authorization|cookie|set-cookie|dpop|proxy-.*)$/
const forwarding = /^(forwarded|x-forwarded-.*|x-real-ip|via)$/

const headerName = z
  .string('must be the name of a header')
  .regex(token, { error: 'must be the name of a header', abort: true })
  .transform((name) => name.toLowerCase())

/** Passed on from a client's request. */
export const forwardedHeader = headerName.refine(
  (name) => ![hopByHop, ours, credentials, forwarding].some((kind) => kind.test(name)),
  {
    error:
      "can never be passed on: it is a credential, or it belongs to the client's connection, to a proxy or to the protocol",
  },
)

/** With a secret of the file. */
export const credentialHeader = headerName.refine(
  (name) => ![hopByHop, ours, forwarding].some((kind) => kind.test(name)) && !/^proxy-/.test(name),
  { error: 'cannot hold a credential: it belongs to the connection, to a proxy or to the protocol' },
)

/** Says who calls: ours to set, so a name that could be passed on. */
export const identityHeader = headerName.refine(
  (name) => ![hopByHop, ours, credentials, forwarding].some((kind) => kind.test(name)),
  {
    error:
      'cannot say who calls: it is a credential, or it belongs to the connection, to a proxy or to the protocol. Take a name of its own, such as Gatehouse-Caller',
  },
)
