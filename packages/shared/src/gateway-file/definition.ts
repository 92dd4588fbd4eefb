// The file that both services read, defined once: the checks, the JSON Schema and the types are made of this.
import { z } from 'zod'
import { audienceUrl, issuerUrl, resourceUrl, upstreamUrl } from './addresses.ts'
import { groupName, groups } from './groups.ts'
import { credentialHeader, forwardedHeader, identityHeader } from './headers.ts'
import { limits } from './limits-definition.ts'
import { rule, scopeName } from './rule-definition.ts'
import { strict } from './strict.ts'
import { argument, count, duration, flag, line, secret, upstreamName, variableName } from './values.ts'

const tools = strict({
  only: z.array(line).min(1, 'must name a tool: leave it out for all').optional().meta({
    description: "Globs over the upstream's own names. Without it: all.",
  }),
  not: z.array(line).default([]).meta({ description: 'Globs: these are left out.' }),
  rename: z
    .record(line, z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be at most 64 of A-Z, a-z, 0-9, _ and -'))
    .default({})
    .meta({ description: "A tool's new name, by the upstream's own." }),
  prefix: z
    .enum(['always', 'auto', 'never'], 'must be always, auto or never')
    .optional()
    .meta({ description: "Whether the upstream's name stands before a tool's. By default where there are several." }),
}).prefault({})

const questions = strict({
  form: flag(true),
  url: flag(true),
  roots: flag(true),
  sampling: flag(false).meta({ description: "Sampling spends the client's model." }),
})
  .prefault({})
  .meta({ description: 'What an upstream may ask in the middle of a call.' })

const timeouts = strict({
  connect: duration.prefault('5s'),
  list: duration.prefault('10s'),
  call: duration.prefault('10m').meta({ description: 'A call as a whole.' }),
  idle: duration.prefault('2m').meta({ description: 'A call without a word: progress begins it again.' }),
}).prefault({})

const common = {
  isolation: z
    .enum(['shared', 'caller', 'session'], 'must be shared, caller or session')
    .default('caller')
    .meta({ description: 'Whom a process or a session belongs to.' }),
  tools,
  questions,
  concurrency: count(10_000, 50).meta({ description: 'Requests at once.' }),
  timeouts,
  default: z
    .enum(['allow', 'deny'], 'must be allow or deny')
    .default('deny')
    .meta({ description: 'What becomes of what no rule names, once a rule names something of this upstream.' }),
}

const kinds = (known: string) => ({
  error: (issue: { readonly input?: unknown }) => {
    const kind = (issue.input as { readonly kind?: unknown } | null | undefined)?.kind
    return kind === 'connection' ? `kind: ${kind} is not yet enforced: take it out` : `must be one of ${known}`
  },
})

const none = strict({ kind: z.literal('none') })

/** RFC 6749 §3.3 and §A.1. */
const scopeToken = '[\\x21\\x23-\\x5B\\x5D-\\x7E]+'

const clientCredentials = strict({
  kind: z.literal('client-credentials'),
  issuer: issuerUrl.meta({
    description: 'The authorization server (RFC 8414): it has to call itself by this very name.',
  }),
  clientId: z
    .string('must be text: put it in quotes')
    .regex(/^[\x20-\x7E]+$/, 'must be a client id of RFC 6749: one line of ASCII'),
  clientSecret: secret.optional(),
  privateKey: secret.optional().meta({
    description: 'Instead of clientSecret, for private_key_jwt: PEM or a JWK, RSA of 2048 bits or more, or EC P-256.',
  }),
  scope: z
    .string('must be text: put it in quotes')
    .regex(new RegExp(`^${scopeToken}( ${scopeToken})*$`), 'must be scopes of RFC 6749 with a space between two')
    .optional(),
  resource: audienceUrl
    .optional()
    .meta({ description: "RFC 8707: whom the token is for. By default the upstream's url, without its query." }),
}).superRefine(({ clientSecret, privateKey }, context) => {
  if (!clientSecret === !privateKey)
    context.addIssue({
      code: 'custom',
      message: clientSecret
        ? 'has a clientSecret and a privateKey: take one away'
        : 'needs a clientSecret or a privateKey: write { env: NAME } or { file: path }',
    })
})

const remote = strict({
  url: upstreamUrl.meta({ description: 'Where the server is. Without user info; its query is never shown.' }),
  transport: z
    .enum(['http', 'sse'], 'must be http or sse')
    .default('http')
    .meta({ description: 'Streamable HTTP, or the older HTTP+SSE.' }),
  credential: z
    .discriminatedUnion(
      'kind',
      [
        none,
        strict({ kind: z.literal('header'), header: credentialHeader.prefault('authorization'), value: secret }),
        clientCredentials,
      ],
      kinds(
        '{ kind: none }, { kind: header, header: Authorization, value: { env: NAME } } and { kind: client-credentials, issuer: https://…, clientId: …, clientSecret: { env: NAME } }',
      ),
    )
    .prefault({ kind: 'none' })
    .meta({ description: "What the upstream is shown. It is never the client's token." }),
  identity: strict({
    header: identityHeader.meta({ description: "Its name. A client's header of that name goes to no upstream." }),
    as: z
      .enum(['jwt', 'subject'], 'must be jwt or subject')
      .meta({ description: 'A JWT of 60 seconds for this upstream, or the plain subject.' }),
  })
    .optional()
    .meta({ description: 'Who calls, told in a header, beside any credential.' }),
  forwardHeaders: z
    .array(forwardedHeader)
    .default([])
    .meta({ description: "Headers of the client's request that are passed on." }),
  tls: strict(
    { ca: secret.optional(), cert: secret.optional(), key: secret.optional() },
    { reason: 'no switch turns checks off; an authority of your own is named by ca: { file: path }' },
  )
    .refine(({ cert, key }) => !cert === !key, 'cert and key go together: set both')
    .optional()
    .meta({ description: 'PEM.' }),
  ...common,
})

const stdio = strict(
  {
    command: z
      .array(argument, 'must be a list, the program and its arguments: there is no shell')
      .min(1, 'must name a program')
      .refine(([program]) => program !== '', 'must name a program')
      .meta({ description: 'The program and its arguments. There is no shell.' }),
    cwd: line.optional(),
    env: z
      .record(variableName, z.union([argument, secret], 'must be text in quotes, { env: NAME } or { file: path }'))
      .default({})
      .meta({ description: 'Nothing else is inherited but PATH, LANG and private folders as HOME and TMPDIR.' }),
    credential: z
      .discriminatedUnion(
        'kind',
        [none, strict({ kind: z.literal('env'), name: variableName, value: secret })],
        kinds('{ kind: none } and { kind: env, name: TOKEN, value: { env: NAME } }'),
      )
      .prefault({ kind: 'none' }),
    user: line.optional().meta({ description: 'A user name or id to run as.' }),
    processes: strict({
      max: count(10_000, 20).meta({ description: 'At once.' }),
      idle: duration.prefault('5m').meta({ description: 'Without a request.' }),
      lifetime: duration.prefault('12h').meta({ description: 'In all.' }),
    }).prefault({}),
    ...common,
  },
  { why: { identity: 'is for servers at a url: a command has no headers that could say who calls' } },
)

const endpoint = strict({
  resource: resourceUrl.meta({ description: 'Its identifier: the address that clients know.' }),
  name: line.max(64, 'must have at most 64 characters').meta({ description: 'What people are shown.' }),
  upstreams: z
    .array(z.string('must be the name of an upstream'))
    .min(1, 'must name an upstream')
    .optional()
    .meta({ description: 'What stands behind it. Without it: all. `builtin` is the demonstration.' }),
  groups: z.array(groupName).default([]).meta({
    description: 'Groups that its tokens name besides those of rules, for servers that judge by themselves.',
  }),
})

const audit = strict({
  to: z
    .union(
      [z.literal('stdout'), z.strictObject({ file: line }), z.strictObject({ url: upstreamUrl })],
      'must be stdout, { file: path } or { url: https://… }',
    )
    .meta({ description: 'Where lines go. A path is relative to the folder of this file.' }),
  arguments: z
    .enum(['none', 'names', 'values'], 'must be none, names or values')
    .default('names')
    .meta({ description: 'What a line says of the arguments of a call.' }),
  redact: z.array(line).default([]).meta({
    description:
      'With values: globs over names of arguments whose values are left out, besides those that look secret.',
  }),
  chain: flag(false).meta({ description: 'Whether each line has a digest of the one before it.' }),
})

const pins = strict({
  mode: z.enum(['off', 'warn', 'enforce'], 'must be off, warn or enforce').meta({
    description: 'What becomes of definitions that differ from gatehouse.lock beside this file.',
  }),
})

/** `GATEHOUSE_CONFIG`. */
export const definition = strict({
  $schema: z.string().optional(),
  version: z.literal(1, 'must be 1'),
  endpoints: z
    .array(endpoint)
    .min(1, 'must have an endpoint: leave it out to serve MCP_RESOURCE_URL')
    .optional()
    .meta({ description: 'Protected resources. Without it: MCP_RESOURCE_URL with all upstreams.' }),
  upstreams: z
    .record(upstreamName, z.union([remote, stdio]))
    .default({})
    .meta({
      description: 'MCP servers: each is at a url, or is a command that speaks stdio.',
    }),
  scopes: z
    .record(scopeName, line.max(200, 'must have at most 200 characters'))
    .default({})
    .meta({ description: 'Words for the consent page.' }),
  rules: z.array(rule).default([]).meta({ description: 'Who may call what. The first that fits decides.' }),
  groups,
  limits: limits.prefault({}),
  pins: pins.default({ mode: 'off' }).meta({
    description: 'Whether definitions of upstreams have to be as `gatehouse gateway pin` wrote them down.',
  }),
  audit: audit.optional().meta({ description: 'What happened, one JSON line an event. Without it: AUDIT_TO.' }),
})

export const upstreamKinds = { remote, stdio }

export type Definition = z.infer<typeof definition>
export type RemoteDefinition = z.infer<typeof remote>
export type StdioDefinition = z.infer<typeof stdio>
export type ClientCredentialsDefinition = z.infer<typeof clientCredentials>
