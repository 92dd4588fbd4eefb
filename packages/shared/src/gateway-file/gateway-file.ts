// The file that both services read (GATEHOUSE_CONFIG), as it is when it is read: references resolved, defaults filled in,
// durations in milliseconds, secrets still where they are.
import type { Place } from './document.ts'
import type { Membership } from './groups.ts'

/** Where a secret, or a text that may be one, comes from; `at` and the place are where the file says so. */
export type TextSource = Place & { readonly at: string } & (
    | { readonly kind: 'env'; readonly name: string }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'plain'; readonly text: string }
    /** With `${NAME}` or `${NAME:-default}` in it. */
    | { readonly kind: 'template'; readonly text: string }
  )

interface Common {
  readonly name: string
  /** The kind of what it is shown. Absent: nothing. */
  readonly credential?: 'header' | 'env' | 'client-credentials' | undefined
  readonly isolation: 'shared' | 'caller' | 'session'
  readonly tools: {
    readonly only: readonly string[] | undefined
    readonly not: readonly string[]
    readonly rename: Readonly<Record<string, string>>
    /** Undefined: the file does not say. */
    readonly prefix: 'always' | 'auto' | 'never' | undefined
  }
  readonly questions: {
    readonly form: boolean
    readonly url: boolean
    readonly roots: boolean
    readonly sampling: boolean
  }
  readonly concurrency: number
  readonly timeouts: { readonly connect: number; readonly list: number; readonly call: number; readonly idle: number }
  /** What becomes of what no rule names, where a rule names something of this upstream. */
  readonly default: 'allow' | 'deny'
}

/** A token of the gateway's own (RFC 6749 §4.4). */
export interface ClientCredentialsInFile {
  readonly issuer: string
  readonly clientId: string
  /** One of both. */
  readonly clientSecret?: TextSource
  readonly privateKey?: TextSource
  readonly scope: string | undefined
  /** Undefined: the upstream. */
  readonly resource: string | undefined
}

/** Who calls, told in a header. */
export interface IdentityInFile {
  /** In lower case. */
  readonly header: string
  readonly as: 'jwt' | 'subject'
}

export interface RemoteInFile extends Common {
  readonly transport: 'http' | 'sse'
  readonly url: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, TextSource>>
  readonly clientCredentials?: ClientCredentialsInFile
  readonly identity?: IdentityInFile | undefined
  readonly forwardHeaders: readonly string[]
  readonly tls: { readonly ca?: TextSource; readonly cert?: TextSource; readonly key?: TextSource } | undefined
}

export interface StdioInFile extends Common {
  readonly transport: 'stdio'
  readonly command: readonly [string, ...string[]]
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, TextSource>>
  readonly processes: { readonly max: number; readonly idle: number; readonly lifetime: number }
  readonly user: string | undefined
}

export type UpstreamInFile = RemoteInFile | StdioInFile

export interface EndpointInFile {
  readonly resource: string
  readonly name: string
  /** `builtin` is the demonstration. */
  readonly upstreams: readonly string[]
  /** That its tokens name besides those of rules. */
  readonly groups: readonly string[]
}

/** `at` and the place are where the file says so. */
export type MembershipInFile = Membership & Place & { readonly at: string }

export interface GroupInFile {
  readonly name: string
  /** One is enough. */
  readonly members: readonly MembershipInFile[]
}

/** Of one upstream, by a glob over its own names or URIs. */
export interface Selector {
  readonly upstream: string
  readonly glob: string
}

export const selectable = ['tools', 'prompts', 'resources'] as const
export type Selectable = (typeof selectable)[number]

/**
 * What a server says of a tool (`ToolAnnotations` of MCP), with the values that the specification gives where it says nothing. A
 * client MUST take them for untrusted, and so do we: they count as pinned.
 */
export const unsaidHints = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: false,
  openWorldHint: true,
} as const
export type Hint = keyof typeof unsaidHints
export type Hints = { readonly [Name in Hint]?: boolean | undefined }

export interface RuleInFile extends Readonly<Record<Selectable, readonly Selector[]>> {
  /** Where it stands: `rules[0]`. */
  readonly at: string
  /** What the pinned definition of a tool has to say. Undefined: whatever it says. */
  readonly annotations: Hints | undefined
  /** In CEL. */
  readonly when: (Place & { readonly text: string }) | undefined
  /** It fits people who are in one of these. Undefined: everybody. */
  readonly groups: readonly string[] | undefined
  /** Besides those that every request of its kind needs. */
  readonly scopes: readonly string[]
  readonly allow: boolean
}

/** So many times in a second, a minute or an hour. */
export interface Rate {
  readonly count: number
  readonly per: 's' | 'min' | 'h'
}

/** How often somebody may ask. Absent: as often as they like. */
export interface LimitsInFile {
  /** Requests of one person or machine. */
  readonly caller: Rate | undefined
  /** Requests of one app, of all its people. */
  readonly client: Rate | undefined
  /** Calls of one person or machine: of all tools that it names together. */
  readonly tools: readonly (Selector & { readonly rate: Rate })[]
}

export interface GatewayFile {
  /** Undefined: one, at MCP_RESOURCE_URL, with all upstreams. */
  readonly endpoints: readonly EndpointInFile[] | undefined
  readonly upstreams: readonly UpstreamInFile[]
  /** Words for scopes, by scope. */
  readonly scopes: Readonly<Record<string, string>>
  /** The first that fits decides. */
  readonly rules: readonly RuleInFile[]
  /** In the order of the file. */
  readonly groups: readonly GroupInFile[]
  readonly limits: LimitsInFile
  readonly parked: number
  readonly pins: PinsInFile
  /** Undefined: the file does not say. */
  readonly audit: AuditInFile | undefined
}

export interface PinsInFile {
  /** What becomes of what is not as it was pinned: nothing, words, or it is withheld. */
  readonly mode: 'off' | 'warn' | 'enforce'
}

export interface AuditInFile {
  readonly to: 'stdout' | { readonly file: string } | { readonly url: string }
  readonly arguments: 'none' | 'names' | 'values'
  readonly redact: readonly string[]
  readonly chain: boolean
}

/** What the reader knows besides the text. */
export interface Surroundings {
  /** None of the upstreams may be this. */
  readonly issuer?: string | undefined
  /** What a file without endpoints serves, which no upstream may be either. */
  readonly resource?: string | undefined
  /** For `${NAME}` where it is no secret. Without it, these stay as they are. */
  readonly variable?: ((name: string) => string | undefined) | undefined
}
