// One server of a client's file, as an upstream of ours.
import { z } from 'zod'
import { faultOfUpstreamUrl } from './addresses.ts'
import { upstreamKinds } from './definition.ts'
import type { Fault, ParsedText } from './document.ts'
import { faultAt, show } from './faults.ts'
import type { RemoteInFile, StdioInFile, Surroundings, TextSource, UpstreamInFile } from './gateway-file.ts'
import { credentialHeader } from './headers.ts'
import { checkAddress } from './references.ts'
import { argument, variableName } from './values.ts'
import { expand, isTemplate } from './variables.ts'

/** Numbers and switches stand there without quotes, too. */
const value = z.union([argument, z.number(), z.boolean()], 'must be text').transform(String)

export const clientEntry = z.looseObject({
  type: z
    .enum(['stdio', 'http', 'sse', 'streamable-http', 'streamableHttp'], 'must be stdio, http, streamable-http or sse')
    .optional(),
  command: argument.min(1, 'must name a program').optional(),
  args: z.array(argument).default([]),
  env: z.record(variableName, value).default({}),
  cwd: argument.optional(),
  url: z.string('must be a URL').optional(),
  headers: z.record(credentialHeader, value).default({}),
  disabled: z.boolean('must be true or false').default(false),
})
type Entry = z.infer<typeof clientEntry>
type Path = readonly PropertyKey[]

export interface EntryContext {
  readonly path: Path
  readonly parsed: ParsedText
  readonly surroundings: Surroundings
  readonly faults: Fault[]
}

/** Undefined where there is a fault, which is then among those of the context. */
export function readEntry(name: string, entry: Entry, context: EntryContext): UpstreamInFile | undefined {
  const { type, command, url } = entry
  const refuse = (at: Path, message: string, part?: 'name'): undefined => {
    context.faults.push(faultAt(context.parsed, [...context.path, ...at], message, part))
  }
  if (command !== undefined && url !== undefined)
    return refuse(['url'], 'has a url and a command: take one away', 'name')
  if (command !== undefined) {
    if (type && type !== 'stdio') return refuse(['type'], `is ${type}, and there is a command`)
    return readCommand(name, { ...entry, command }, context)
  }
  if (url === undefined) return refuse([], 'needs a url or a command', 'name')
  if (type === 'stdio') return refuse(['type'], 'is stdio, and there is a url: name the command')
  return readUrl(name, { ...entry, url }, context)
}

function readCommand(name: string, entry: Entry & { command: string }, context: EntryContext): StdioInFile {
  const { credential, tools, ...rest } = upstreamKinds.stdio.parse({ command: ['program'] })
  const args = entry.args.map((text, index) => filledIn(text, ['args', index], context) ?? text)
  return {
    ...rest,
    name,
    transport: 'stdio',
    tools: { ...tools, only: tools.only, prefix: tools.prefix },
    command: [filledIn(entry.command, ['command'], context) ?? entry.command, ...args],
    cwd: entry.cwd === undefined ? undefined : filledIn(entry.cwd, ['cwd'], context),
    env: sources(entry.env, 'env', context),
    user: undefined,
  }
}

function readUrl(name: string, entry: Entry & { url: string }, context: EntryContext): RemoteInFile {
  const { credential, tools, ...rest } = upstreamKinds.remote.parse({ url: 'http://localhost/' })
  const isKnown = !isTemplate(entry.url) || context.surroundings.variable !== undefined
  const url = filledIn(entry.url, ['url'], context)
  if (isKnown && url !== undefined) context.faults.push(...checkUrl(url, context))
  return {
    ...rest,
    name,
    transport: entry.type === 'sse' ? 'sse' : 'http',
    tools: { ...tools, only: tools.only, prefix: tools.prefix },
    url: url ?? entry.url,
    headers: sources(entry.headers, 'headers', context),
    ...(Object.keys(entry.headers).length > 0 && { credential: 'header' }),
    tls: undefined,
  }
}

function checkUrl(url: string, { path, parsed, surroundings: { issuer, resource = '' } }: EntryContext): Fault[] {
  const at = [...path, 'url']
  const fault = faultOfUpstreamUrl(url)
  return fault ? [faultAt(parsed, at, fault)] : checkAddress(url, at, { parsed, issuer, endpoints: [resource] })
}

/** With variables filled in, where there is somebody who knows them; undefined where one is missing. */
function filledIn(text: string, at: Path, { path, parsed, surroundings, faults }: EntryContext): string | undefined {
  if (!isTemplate(text) || !surroundings.variable) return text
  const expanded = expand(text, surroundings.variable)
  if ('text' in expanded) return expanded.text
  faults.push(faultAt(parsed, [...path, ...at], expanded.fault))
  return undefined
}

/** Texts that may be secrets: variables in them are filled in at each use. */
function sources(texts: Readonly<Record<string, string>>, part: string, { path, parsed }: EntryContext) {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]): [string, TextSource] => {
      const at = [...path, part, name]
      return [name, { kind: isTemplate(text) ? 'template' : 'plain', text, ...parsed.placeOf(at), at: show(at) }]
    }),
  )
}
