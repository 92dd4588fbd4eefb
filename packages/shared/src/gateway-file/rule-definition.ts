// A rule of the file, as it is written. What rules say of each other and of the rest is checked in references.ts.
import { z } from 'zod'
import { type Hint, unsaidHints } from './gateway-file.ts'
import { groupName } from './groups.ts'
import { strict } from './strict.ts'
import { flag, line } from './values.ts'

const reserved = /^(mcp:|gatehouse:)|^(openid|profile|email|address|phone|offline_access)$/

export const scopeName = z
  .string()
  .regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, 'must be a scope of RFC 6749: one word of ASCII')
  .refine((name) => !reserved.test(name), 'is taken: names that begin with mcp: or gatehouse: and those of OpenID are')

export const selector = (what: string) =>
  line.regex(/^[^/]+\/./u, `must be upstream/${what}: its name, a slash, and a glob over the upstream's own`)

const selected = (what: string) =>
  z
    .array(selector(what))
    .min(1, 'must name something: leave it out')
    .optional()
    .meta({ description: `Globs over the ${what}s that the rule is about: upstream/${what}, by the upstream's own.` })

const hint = (name: Hint) =>
  z
    .boolean('must be true or false')
    .optional()
    .meta({ description: `Of a tool that does not say so it is ${unsaidHints[name]}.` })

const annotations = strict({
  readOnlyHint: hint('readOnlyHint'),
  destructiveHint: hint('destructiveHint'),
  idempotentHint: hint('idempotentHint'),
  openWorldHint: hint('openWorldHint'),
}).refine((hints) => Object.keys(hints).length > 0, 'must name a hint: leave it out')

export const rule = strict({
  tools: selected('name'),
  prompts: selected('name'),
  resources: selected('uri'),
  annotations: annotations.optional().meta({
    description: 'It fits tools whose pinned definition has these annotations. Needs pins: { mode: enforce }.',
  }),
  when: z
    .string('must be text: put it in quotes')
    .regex(/\S/, 'must not be empty: leave it out')
    .max(2_000, 'must have at most 2000 characters')
    .optional()
    .meta({ description: 'A condition in CEL over caller, args, tool, upstream and endpoint.' }),
  groups: z
    .array(groupName)
    .min(1, 'must name a group: leave it out for everybody')
    .optional()
    .meta({ description: 'It fits people who are in one of these.' }),
  scopes: z
    .array(scopeName)
    .default([])
    .meta({ description: 'What a token needs besides mcp:tools:call (prompts, resources: mcp:tools:read).' }),
  allow: flag(true),
})
  .refine(({ tools, prompts, resources }) => tools ?? prompts ?? resources, 'must name tools, prompts or resources')
  .refine(({ annotations, tools, prompts, resources }) => !annotations || (tools && !prompts && !resources), {
    path: ['annotations'],
    error: 'are of tools: a rule with them names tools, and no prompts and no resources',
  })
  .refine(({ allow, scopes }) => allow || scopes.length === 0, {
    path: ['scopes'],
    error: 'go with no allow: false, which no scope changes: take one away',
  })
