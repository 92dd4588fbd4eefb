// `gateway explain`: which rule decides on a tool for somebody, which scopes it takes, and why.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ConfigError, type Explanation, explain, findTool, readConfig, readRules } from '@gatehouse/mcp/inspect'
import { ClientError, cleanLine } from '@gatehouse/network'
import type { CommandContext } from '../command.ts'
import { environmentFor, fileNamed } from './file.ts'

export function usageOfExplain(client: string): string {
  return `${client} gateway explain UPSTREAM/TOOL --as SUBJECT [--client ID] [--scopes "A B"] [--groups "A B"] [--args JSON] [--endpoint URL] [--file FILE] [--json]`
}

/** What an app has that asked for nothing in particular. */
const usualScopes = 'mcp:tools:read mcp:tools:call'

/** Returns 0 if the call is allowed, else 1. */
export async function explainTool(context: CommandContext): Promise<number> {
  const { env, terminal, programs } = context
  const hint = `Usage: ${usageOfExplain(programs.client)}`
  const { values, positionals } = parsed(context.args, hint)
  const [tool, ...rest] = positionals
  const { as: subject = values.client, client = 'an app' } = values
  if (!tool || rest.length > 0)
    throw new ClientError('usage', 'Name one tool: UPSTREAM/TOOL, or as clients do.', { hint })
  if (!subject)
    throw new ClientError('usage', 'Say who: --as github:123 for a person, --client ID alone for a machine.', { hint })
  const args = argumentsIn(values.args, hint)
  const file = fileNamed(values.file, context, hint)
  const faults: string[] = []
  const settings = readRules(file, env.MCP_RESOURCE_URL || 'http://localhost:3000/mcp', faults)
  if (!settings) {
    for (const fault of faults) terminal.failure(fault)
    return 1
  }
  const found = await locate(tool, file, context)
  const scopes = new Set(wordsIn(values.scopes ?? usualScopes))
  const groups = wordsIn(values.groups ?? '')
  const endpoint = values.endpoint ?? found.endpoint
  const told = explain(settings, { ...found, endpoint, caller: { subject, clientId: client, scopes, groups }, args })
  if (typeof told === 'string') throw new ClientError('usage', `Nobody can say: ${told}.`, { hint })
  if (values.json) terminal.json({ subject, client, ...told })
  else show(told, { subject, groups, scopes: [...scopes], hasArgs: args !== undefined }, terminal)
  return told.decision.kind === 'allowed' ? 0 : 1
}

function parsed(args: readonly string[], hint: string) {
  const text = { type: 'string' } as const
  const options = { as: text, client: text, scopes: text, groups: text, args: text, endpoint: text, file: text }
  try {
    return parseArgs({ args: [...args], options: { ...options, json: { type: 'boolean' } }, allowPositionals: true })
  } catch (error) {
    throw new ClientError('usage', (error as Error).message, { hint })
  }
}

function wordsIn(text: string): readonly string[] {
  return text.split(' ').filter(Boolean)
}

function argumentsIn(text: string | undefined, hint: string): unknown {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {}
  throw new ClientError('usage', `--args must be JSON, such as '{"amount": 1000}'.`, { hint })
}

/** By the file alone where the upstream is named; else the servers are asked, which say what clients call their tools. */
async function locate(tool: string, file: string, context: CommandContext) {
  const slash = tool.indexOf('/')
  if (slash > 0) return { upstream: tool.slice(0, slash), tool: tool.slice(slash + 1), endpoint: undefined }
  const { env, signal, terminal } = context
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-explain-'))
  try {
    const config = readConfig(environmentFor(file, env, dataDir))
    const found = await findTool(config, tool, { signal, onLine: (line) => terminal.note(line) })
    if (found) return found
    throw new ClientError('usage', `No server that answers has a tool that clients know as ${cleanLine(tool)}.`, {
      hint: 'Name it as rules do: UPSTREAM/TOOL. Then no server is asked.',
    })
  } catch (error) {
    if (error instanceof ConfigError) throw new ClientError('usage', error.faults.join('\n'), {})
    throw error
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

interface Shown {
  readonly subject: string
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  readonly hasArgs: boolean
}

function show(
  told: Explanation,
  { subject, groups, scopes, hasArgs }: Shown,
  terminal: CommandContext['terminal'],
): void {
  const { tool, endpoint, kind, decision, open, passed, isListed } = told
  const who = `${kind} ${subject}${groups.length > 0 ? `, in ${groups.join(' and ')},` : ''}`
  terminal.note(cleanLine(`${tool} at ${endpoint}, for the ${who} with ${scopes.join(' ') || 'no scope'}`))
  const say = decision.kind === 'allowed' ? terminal.success : terminal.failure
  say(cleanLine(reasonOf(told)))
  if ('scopes' in decision) terminal.note(`It takes ${decision.scopes.join(' ')}.`)
  if (passed.length > 0)
    terminal.note(
      `${passed.join(', ')}: the condition does not hold, or the rule is about other groups or annotations.`,
    )
  if (open.length > 0 && !hasArgs)
    terminal.note(`Arguments matter: ${open.join(', ')} asks for them. Say them with --args '{…}'.`)
  for (const { name, rate } of told.limits)
    terminal.note(
      cleanLine(
        `Limited to ${rate} ${name === 'limits.client' ? 'for all who use the app' : 'for each caller'} (${name}).`,
      ),
    )
  terminal.note(isListed ? 'It is on the list of tools.' : 'It is not on the list of tools.')
}

function reasonOf({ decision, isRuled, missing, when }: Explanation): string {
  const { kind, rule } = decision
  const by = rule === undefined ? '' : `${rule}${when === undefined ? '' : ` (when ${when})`}`
  if (kind === 'allowed') {
    if (rule !== undefined) return `Allowed by ${by}.`
    return isRuled
      ? 'Allowed: no rule fits, and its upstream has default: allow.'
      : 'Allowed: no rule is about its upstream.'
  }
  if (kind === 'scopes') return `${by ? `Allowed by ${by}, once` : 'Allowed once'} the token has ${missing.join(' ')}.`
  if (decision.because === 'rule') return `Denied by ${by}.`
  if (decision.because === 'error') return `Denied: ${by} cannot be judged, ${decision.error}.`
  if (decision.because === 'unpinned')
    return `Denied: ${rule} asks for annotations, and gatehouse.lock has no tool of this name.`
  return 'Denied: no rule fits, and rules are about its upstream.'
}
