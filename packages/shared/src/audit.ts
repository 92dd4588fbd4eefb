// What happened, as an operator reads it afterwards: one JSON line an event, in the same form from both services. What does
// not apply, or is not known, is absent. Members are added in time; none changes its meaning.
import { z } from 'zod'

/** The first member of each line, which tells it from lines of the log. */
export const auditFormat = 1

export const auditEvents = [
  // the authorization server
  'sign_in',
  'sign_in_refused',
  'device_code_asked',
  'device_code_entered',
  'device_approved',
  'device_refused',
  'consent_approved',
  'consent_refused',
  'tokens_issued',
  'tokens_refused',
  'tokens_replayed',
  'grant_ended',
  'client_registered',
  'client_secret_blocked',
  'user_codes_blocked',
  'signing_key_changed',
  // the MCP server
  'mcp_request',
  'definition_not_pinned',
  // both: of the audit itself
  'lines_dropped',
] as const

/**
 * - `ok`: it was done, or answered
 * - `question`: the answer is a question to the person
 * - `error`: the answer is an error, or a tool says that it failed
 * - `refused`: we, or a person, said no
 * - `unavailable`: what stands behind us could not be asked
 * - `cancelled`: the client did not wait for the answer
 */
export const auditOutcomes = ['ok', 'question', 'error', 'refused', 'unavailable', 'cancelled'] as const

const count = z.int().min(0)

export const auditLine = z.object({
  audit: z.literal(auditFormat),
  /** ISO 8601, in UTC. When it ended. */
  time: z.iso.datetime(),
  service: z.enum(['auth', 'mcp']),
  event: z.enum(auditEvents),
  outcome: z.enum(auditOutcomes),
  decision: z.enum(['allow', 'deny']).optional(),
  /** By which rule of the gateway's file. */
  rule: z.string().optional(),
  /** Why, as a code: of ours, of OAuth, or a number of JSON-RPC. */
  reason: z.string().optional(),
  /** Of the HTTP request, as in the log. */
  request: z.string().optional(),
  /** Of OpenTelemetry, where there are traces: 32 digits. In lines of the log it is `trace_id`. */
  trace: z.string().optional(),
  /** What the steps of one request of an app have in common, from the question to the approval: a digest. */
  flow: z.string().optional(),
  /** Of the approval: the claim `grant_id` of access tokens. No credential. */
  grant: z.string().optional(),
  /** Of the access token: its claim `jti`. No credential. */
  token: z.string().optional(),
  subject: z.string().optional(),
  /** What the person is shown as. Decides nothing. */
  name: z.string().optional(),
  /** By which login somebody came. */
  login: z.string().optional(),
  /** `client_id` */
  client: z.string().optional(),
  /** What the client calls itself. */
  clientName: z.string().optional(),
  /** Where the request is from, as TRUST_PROXY has it. */
  address: z.string().optional(),
  grantType: z.string().optional(),
  /** The protected resource. */
  endpoint: z.string().optional(),
  upstream: z.string().optional(),
  /** Of MCP. */
  method: z.string().optional(),
  /** As the client calls it. So are prompts and resources; a resource without its query. */
  tool: z.string().optional(),
  prompt: z.string().optional(),
  resource: z.string().optional(),
  /** Asked for or granted; of `mcp_request` those that the request needs. */
  scopes: z.array(z.string()).optional(),
  /** What the upstream is shown: the kind of credential. */
  credential: z.string().optional(),
  /** Names, or names with values. */
  arguments: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).optional(),
  /** Milliseconds from the request to the end of its answer. */
  ms: z.number().min(0).optional(),
  /** Bytes of the request's body, and of the answer as it went over the connection. */
  in: count.optional(),
  out: count.optional(),
  /** Key ids. The first one signs. */
  keys: z.array(z.string()).optional(),
  /** Lines that were dropped. */
  lines: count.optional(),
  /** `previous`: SHA-256 of the line before it by the same writer. */
  chain: z.object({ writer: z.string(), line: z.int().min(1), previous: z.string().optional() }).optional(),
})

export type AuditLine = z.infer<typeof auditLine>
export type AuditOutcome = AuditLine['outcome']
/** What a service knows of an event; the rest is for who writes the line. */
export type AuditEvent = Omit<AuditLine, 'audit' | 'time' | 'service' | 'chain'>
