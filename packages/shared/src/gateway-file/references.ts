// What the parts of a file say of each other, and of the issuer.
import { z } from 'zod'
import { isSameAddress, isSamePlace } from './addresses.ts'
import type { Fault, ParsedText } from './document.ts'
import { faultAt } from './faults.ts'
import { type GatewayFile, type Surroundings, selectable, type TextSource } from './gateway-file.ts'
import { arePinsEnforced } from './pins.ts'
import { groupsOf, scopesOf, shadowed } from './rules.ts'
import { selectorIn } from './settle.ts'

/** The demonstration: an endpoint may name it, no upstream is called so. */
export const builtin = 'builtin'

const absent = <T extends z.ZodType>(type: T) => type.optional().catch(undefined)
const names = absent(z.array(z.string()))

/** As much of a file as is in order: what is faulty in it must not hide what else is. */
const outline = z.object({
  upstreams: z
    .record(
      z.string(),
      z
        .object({
          url: absent(z.string()),
          forwardHeaders: names,
          env: absent(z.record(z.string(), z.unknown())),
          credential: absent(
            z.object({
              kind: z.string(),
              header: absent(z.string()),
              name: absent(z.string()),
              resource: absent(z.string()),
            }),
          ),
          isolation: absent(z.string()),
          identity: absent(z.object({ header: z.string().transform((name) => name.toLowerCase()) })),
        })
        .catch({}),
    )
    .catch({})
    .default({}),
  rules: absent(
    z.array(
      z
        .object({ tools: names, prompts: names, resources: names, groups: names, annotations: z.unknown().optional() })
        .catch({}),
    ),
  ),
  pins: z
    .object({ mode: z.enum(['off', 'warn', 'enforce']) })
    .catch({ mode: 'off' })
    .default({ mode: 'off' }),
  endpoints: absent(
    z.array(
      z
        .object({ resource: z.string().catch(''), upstreams: names, groups: names })
        .catch({ resource: '', upstreams: [builtin] }),
    ),
  ),
  groups: z.record(z.string(), names).catch({}).default({}),
  limits: z
    .object({ tool: z.record(z.string(), z.unknown()).catch({}).default({}) })
    .catch({ tool: {} })
    .default({ tool: {} }),
})
type Outline = z.infer<typeof outline>
type Upstream = Outline['upstreams'][string]

export function checkReferences(parsed: ParsedText, surroundings: Surroundings): Fault[] {
  const { success, data: file } = outline.safeParse(parsed.value)
  if (!success) return []
  const endpoints = file.endpoints?.map(({ resource }) => resource) ?? [surroundings.resource ?? '']
  const faults = Object.entries(file.upstreams).flatMap(([name, upstream]) => [
    ...(name === builtin
      ? [faultAt(parsed, ['upstreams', name], 'is the name of the demonstration: choose another', 'name')]
      : []),
    ...checkAddress(upstream.url, ['upstreams', name, 'url'], {
      parsed,
      issuer: surroundings.issuer,
      endpoints,
    }),
    ...checkCredential(upstream, ['upstreams', name], parsed),
    ...checkAudience(upstream.credential?.resource, ['upstreams', name, 'credential', 'resource'], endpoints, parsed),
    ...checkIdentity(upstream, ['upstreams', name], parsed),
    ...checkForwarded(upstream, ['upstreams', name], Object.values(file.upstreams), parsed),
  ])
  return [
    ...faults,
    ...checkEndpoints(file, parsed),
    ...checkSelectors(file, parsed),
    ...checkAnnotations(file, parsed),
    ...checkGroups(file, parsed),
  ]
}

/** Of rules and of limits. */
function checkSelectors({ upstreams, rules = [], limits }: Outline, parsed: ParsedText): Fault[] {
  const known = [...new Set([...Object.keys(upstreams), builtin])]
  const selectors = [
    ...rules.flatMap((rule, index) =>
      selectable.flatMap((kind) =>
        (rule[kind] ?? []).map((text, at) => ({ text, path: ['rules', index, kind, at], part: 'value' as const })),
      ),
    ),
    ...Object.keys(limits.tool).map((text) => ({ text, path: ['limits', 'tool', text], part: 'name' as const })),
  ]
  const words = `there is no upstream of the name before the slash, there are ${known.join(', ')}`
  return selectors
    .filter(({ text }) => text.includes('/') && !known.includes(selectorIn(text).upstream))
    .map(({ path, part }) => faultAt(parsed, path, words, part))
}

/** Else a server would decide for itself what may be done with it. */
function checkAnnotations({ rules = [], pins }: Outline, parsed: ParsedText): Fault[] {
  if (arePinsEnforced({ pins })) return []
  return rules.flatMap(({ annotations }, index) =>
    annotations === undefined
      ? []
      : [
          faultAt(
            parsed,
            ['rules', index, 'annotations'],
            'is what servers say of themselves: it counts with pins: { mode: enforce } alone. Write that, or take it out',
          ),
        ],
  )
}

function checkEndpoints({ upstreams, endpoints }: Outline, parsed: ParsedText): Fault[] {
  const known = Object.keys(upstreams)
  const faults: Fault[] = []
  for (const [index, endpoint] of (endpoints ?? []).entries()) {
    const other = endpoints?.findIndex(({ resource }) => isSamePlace(resource, endpoint.resource)) ?? index
    if (other >= 0 && other < index)
      faults.push(
        faultAt(
          parsed,
          ['endpoints', index, 'resource'],
          `has the host and the path of endpoints[${other}]: each needs its own`,
        ),
      )
    for (const [at, name] of (endpoint.upstreams ?? []).entries()) {
      const path = ['endpoints', index, 'upstreams', at]
      if (!known.includes(name) && name !== builtin)
        faults.push(
          faultAt(
            parsed,
            path,
            `there is no upstream of this name, there are ${[...new Set([...known, builtin])].join(', ')}`,
          ),
        )
      if (endpoint.upstreams?.indexOf(name) !== at) faults.push(faultAt(parsed, path, 'stands here twice'))
    }
  }
  if (known.length === 0 && !endpoints?.every((endpoint) => endpoint.upstreams))
    faults.push(faultAt(parsed, ['upstreams'], 'must name an upstream, with its url or its command', 'name'))
  return faults
}

function checkGroups({ groups, rules = [], endpoints = [] }: Outline, parsed: ParsedText): Fault[] {
  const known = Object.keys(groups)
  const there = known.length > 0 ? `there are ${known.join(', ')}` : 'as there is no group: name it under groups'
  const named = [
    ...rules.map((rule, index) => ({ path: ['rules', index, 'groups'], names: rule.groups ?? [] })),
    ...endpoints.map((endpoint, index) => ({ path: ['endpoints', index, 'groups'], names: endpoint.groups ?? [] })),
  ]
  const lists = [...named, ...known.map((name) => ({ path: ['groups', name], names: groups[name] ?? [] }))]
  return [
    ...lists.flatMap(({ path, names }) =>
      names.flatMap((name, at) =>
        names.indexOf(name) === at ? [] : [faultAt(parsed, [...path, at], 'stands here twice')],
      ),
    ),
    ...named.flatMap(({ path, names }) =>
      names.flatMap((name, at) =>
        known.includes(name) ? [] : [faultAt(parsed, [...path, at], `there is no group of this name, ${there}`)],
      ),
    ),
  ]
}

function checkCredential(
  { credential, env, forwardHeaders }: Upstream,
  path: readonly PropertyKey[],
  parsed: ParsedText,
): Fault[] {
  if (credential?.kind === 'env' && credential.name !== undefined && Object.hasOwn(env ?? {}, credential.name))
    return [faultAt(parsed, [...path, 'credential', 'name'], 'stands in env, too: take one away')]
  const header = credential?.kind === 'header' ? credential.header?.toLowerCase() : undefined
  const clash = forwardHeaders?.findIndex((name) => name.toLowerCase() === header) ?? -1
  // as it stands by default it can never be passed on
  if (header === undefined || header === 'authorization' || clash < 0) return []
  return [faultAt(parsed, [...path, 'forwardHeaders', clash], 'is the header of the credential: take it out')]
}

/** With such a token the upstream could call us. */
function checkAudience(
  resource: string | undefined,
  path: readonly PropertyKey[],
  endpoints: readonly string[],
  parsed: ParsedText,
): Fault[] {
  if (resource === undefined || !endpoints.some((endpoint) => isSameAddress(endpoint, resource))) return []
  return [faultAt(parsed, path, 'is an endpoint of ours: name the server that the token is for')]
}

function checkIdentity(
  { identity, credential, isolation }: Upstream,
  path: readonly PropertyKey[],
  parsed: ParsedText,
): Fault[] {
  if (!identity) return []
  const faults: Fault[] = []
  if (isolation === 'shared')
    faults.push(
      faultAt(
        parsed,
        [...path, 'isolation'],
        'shared and identity exclude each other: what all share is of one caller. Take one away',
      ),
    )
  if (credential?.kind === 'header' && credential.header?.toLowerCase() === identity.header)
    faults.push(
      faultAt(parsed, [...path, 'identity', 'header'], 'is the header of the credential: take a name of its own'),
    )
  return faults
}

/** Also of another upstream: who reads it there would believe a client. */
function checkForwarded(
  { forwardHeaders = [] }: Upstream,
  path: readonly PropertyKey[],
  all: readonly Upstream[],
  parsed: ParsedText,
): Fault[] {
  const identities = all.flatMap(({ identity }) => (identity ? [identity.header] : []))
  return forwardHeaders.flatMap((name, index) =>
    identities.includes(name.toLowerCase())
      ? [faultAt(parsed, [...path, 'forwardHeaders', index], 'is a header that says who calls (identity): take it out')]
      : [],
  )
}

/** An upstream that is one of us would ask itself. */
export function checkAddress(
  url: string | undefined,
  path: readonly PropertyKey[],
  { parsed, issuer, endpoints }: { parsed: ParsedText; issuer: string | undefined; endpoints: readonly string[] },
): Fault[] {
  if (url === undefined) return []
  if (endpoints.some((resource) => isSameAddress(resource, url)))
    return [faultAt(parsed, path, 'is an endpoint of ours: name the server that stands behind it')]
  if (isSameAddress(issuer ?? '', url))
    return [faultAt(parsed, path, 'is the issuer: name the MCP server that stands behind the endpoint')]
  return []
}

/** What does not stop a start. */
export function warningsOf(file: GatewayFile, parsed: ParsedText): Fault[] {
  const unused = file.upstreams.filter(
    ({ name }) => file.endpoints && !file.endpoints.some(({ upstreams }) => upstreams.includes(name)),
  )
  const asked = scopesOf(file.rules)
  return [
    ...unused.map(({ name }) => faultAt(parsed, ['upstreams', name], 'no endpoint names it: it is not served', 'name')),
    ...Object.keys(file.scopes)
      .filter((name) => !asked.includes(name))
      .map((name) => faultAt(parsed, ['scopes', name], 'no rule asks for it: it is not offered', 'name')),
    ...file.rules.flatMap(({ scopes }, index) =>
      scopes
        .filter((name) => !Object.hasOwn(file.scopes, name))
        .map((name) =>
          faultAt(parsed, ['rules', index, 'scopes'], `${name} has no words under scopes: people are shown its name`),
        ),
    ),
    ...shadowed(file.rules).map(({ rule, by }) =>
      faultAt(
        parsed,
        ['rules', rule],
        `can never decide: ${file.rules[by]?.at} and those before it fit all that it names`,
      ),
    ),
    ...file.groups
      .filter(({ name }) => !groupsOf(file).includes(name))
      .map(({ name }) => faultAt(parsed, ['groups', name], 'no rule and no endpoint names it: no token does', 'name')),
    ...file.upstreams.flatMap((upstream) => (upstream.transport === 'stdio' ? plainSecrets(upstream.env) : [])),
  ]
}

/** By their names: the text itself cannot tell. */
export function plainSecrets(texts: Readonly<Record<string, TextSource>>): Fault[] {
  return Object.entries(texts).flatMap(([name, source]) =>
    source.kind === 'plain' && source.text !== '' && /token|secret|passw|credential|auth|cookie|key$|pat$/i.test(name)
      ? [{ line: source.line, column: source.column, message: `${source.at}: ${inPlain}` }]
      : [],
  )
}

const inPlain = 'looks like a secret in plain text: keep it in a variable or in a file of its own'
