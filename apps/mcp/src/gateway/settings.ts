// What the gateway stands in front of, settled: read from the file or from MCP_UPSTREAM, defaults filled in, every duration
// in milliseconds. Who reads it from where is config.ts's affair.
import type { LimitsInFile, PinsInFile, Selector } from '@gatehouse/shared/gateway-file'
import type { Lock } from './pins/contract.ts'
import type { AnnotationTest } from './rules/annotations.ts'
import type { Condition } from './rules/cel.ts'

/** A secret as it is now. It is read at each use, so that a file that changed counts at once. */
export interface ReadSecret {
  (): string
  /** Where it is read, for comparison alone. */
  readonly from?: string
}

/** Whom a connection to an upstream, and what is said on it, belongs to. */
export type Isolation = 'shared' | 'caller' | 'session'

interface Common {
  /** `[a-z][a-z0-9-]{0,19}`. */
  readonly name: string
  /** The kind of what it is shown. Absent: nothing. */
  readonly credential?: 'header' | 'env' | 'client-credentials' | undefined
  readonly isolation: Isolation
  readonly tools: ToolNames
  /** What an upstream may ask of the person or the client in the middle of a call. */
  readonly questions: Questions
  /** Requests at once. */
  readonly concurrency: number
  readonly timeouts: Timeouts
}

export interface ToolNames {
  /** Globs over the upstream's own names; undefined: all. */
  readonly only: readonly string[] | undefined
  readonly not: readonly string[]
  /** By the upstream's own name. */
  readonly rename: Readonly<Record<string, string>>
  /** Whether the upstream's name stands before a tool's: `upstream__tool`. */
  readonly prefix: 'always' | 'auto' | 'never'
  /** The file says so. Else it depends on how many upstreams there are at an endpoint. */
  readonly isPrefixFixed?: boolean
}

export interface Questions {
  readonly form: boolean
  readonly url: boolean
  readonly roots: boolean
  readonly sampling: boolean
}

/** Milliseconds. */
export interface Timeouts {
  readonly connect: number
  readonly list: number
  /** A call as a whole. */
  readonly call: number
  /** A call without a word: progress begins it again. */
  readonly idle: number
}

/** A token of the gateway's own (RFC 6749 §4.4). */
export interface ClientCredentials {
  /** Byte for byte as that server calls itself. */
  readonly issuer: string
  readonly clientId: string
  /** One of both. */
  readonly clientSecret?: ReadSecret
  readonly privateKey?: ReadSecret
  readonly scope: string | undefined
  /** Whom the token is for (RFC 8707). */
  readonly resource: string
}

/** A server at a URL. */
export interface RemoteUpstream extends Common {
  readonly transport: 'http' | 'sse'
  /** Without user info; its query is never shown. */
  readonly url: string
  /** Sent with each request, by lower-case name. */
  readonly headers: Readonly<Record<string, ReadSecret>>
  readonly clientCredentials?: ClientCredentials | undefined
  /** Who calls, told in this header (in lower case): as a JWT of the gateway's own, or as the plain subject. */
  readonly identity?: { readonly header: string; readonly as: 'jwt' | 'subject' } | undefined
  /** Names of headers that are passed on from the client's request, lower-case. */
  readonly forwardHeaders: readonly string[]
  /** PEM. */
  readonly tls: { readonly ca?: ReadSecret; readonly cert?: ReadSecret; readonly key?: ReadSecret } | undefined
}

/** A command that speaks stdio. */
export interface StdioUpstream extends Common {
  readonly transport: 'stdio'
  /** The program and its arguments: there is no shell. */
  readonly command: readonly [string, ...string[]]
  readonly cwd: string | undefined
  /** Nothing else is inherited but PATH, LANG and private folders as HOME and TMPDIR. */
  readonly env: Readonly<Record<string, ReadSecret>>
  /** `max`: how many at once; milliseconds: `idle` without a request, `lifetime` in all. */
  readonly processes: { readonly max: number; readonly idle: number; readonly lifetime: number }
  /** A user name or id to run as; undefined: ours. */
  readonly user: string | undefined
}

/** The demonstration. */
export interface BuiltinUpstream extends Common {
  readonly transport: 'builtin'
}

export type UpstreamSettings = RemoteUpstream | StdioUpstream | BuiltinUpstream

/** A protected resource, and what stands behind it, in the order of the file. */
export interface EndpointSettings {
  /** Its identifier, byte for byte. */
  readonly resource: string
  readonly name: string
  readonly upstreams: readonly string[]
  /** Those that a client can ask for here. */
  readonly scopes: readonly string[]
}

export interface Rule {
  /** As it stands in the file: `rules[0]`. */
  readonly name: string
  readonly tools: readonly Selector[]
  readonly prompts: readonly Selector[]
  readonly resources: readonly Selector[]
  readonly condition: Condition | undefined
  /** Of tools alone, and with pins enforced. Undefined: whatever they are. */
  readonly annotations: AnnotationTest | undefined
  /** It fits people who are in one of these. Undefined: everybody. */
  readonly groups: readonly string[] | undefined
  /** Besides those that every request of its kind needs. */
  readonly scopes: readonly string[]
  readonly allow: boolean
}

export interface GatewayRules {
  /** The first that fits decides. */
  readonly rules: readonly Rule[]
  /** Upstreams at which that is allowed which no rule names, though rules name something. */
  readonly openByDefault: readonly string[]
}

export interface PinSettings extends PinsInFile {
  /** Empty where pins are off. */
  readonly lock: Lock
}

export interface GatewaySettings {
  readonly endpoints: readonly EndpointSettings[]
  readonly upstreams: readonly UpstreamSettings[]
  readonly rules: GatewayRules
  readonly limits: LimitsInFile
  /** Calls of one caller that may wait for an answer to a question at once. */
  readonly parked: number
  readonly pins: PinSettings
}
