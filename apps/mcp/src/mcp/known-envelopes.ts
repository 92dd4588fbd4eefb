// The short way to the era of a request. A client of 2026-07-28 says in each request what it is and what it can do, mostly the
// same: what the SDK found right once is right in the next one, too. That is so for requests whose other parts can be seen to
// be right without it; everything else is judged again.
import type { FastifyRequest } from 'fastify'
import { eraOf } from './inbound.ts'
import { requestAlone } from './stands-alone.ts'

/** Envelopes. */
const remembered = 256
/** Characters of one. */
const longest = 1_024

const own = 'io.modelcontextprotocol/'
const membersOfRequest: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params'])
const membersOfEnvelope: ReadonlySet<string> = new Set([
  `${own}protocolVersion`,
  `${own}clientInfo`,
  `${own}clientCapabilities`,
  `${own}logLevel`,
])

/** Answers as {@link eraOf} does. */
export function createKnownEnvelopes(judge = eraOf): typeof eraOf {
  const known = new Set<string>()
  return (request) => {
    const envelope = envelopeOf(request)
    if (envelope !== undefined && known.has(envelope)) return 'modern'
    const era = judge(request)
    if (era === 'modern' && envelope !== undefined) {
      known.add(envelope)
      const [oldest] = known
      if (known.size > remembered && oldest !== undefined) known.delete(oldest)
    }
    return era
  }
}

/** All of a request that is left to be judged, as text. Undefined: more is. */
function envelopeOf(request: FastifyRequest): string | undefined {
  const message = requestAlone(request)
  if (message?.jsonrpc !== '2.0' || !isId(message.id)) return undefined
  if (!Object.keys(message).every((name) => membersOfRequest.has(name))) return undefined
  const { progressToken, ...envelope } = (message.params as { _meta: Record<string, unknown> })._meta
  if (progressToken !== undefined && !isId(progressToken)) return undefined
  if (!Object.keys(envelope).every((name) => membersOfEnvelope.has(name))) return undefined
  const text = JSON.stringify(envelope)
  // numbers that are too large for a number are written as null
  return text.length > longest || text.includes('null') ? undefined : text
}

function isId(value: unknown): boolean {
  return typeof value === 'string' || Number.isSafeInteger(value)
}
