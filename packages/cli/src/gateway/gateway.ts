// `gateway check`: what is wrong with the file that names the servers behind a gateway, and whether they answer. The other verbs
// are in explain.ts, pin.ts and diff.ts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Config,
  ConfigError,
  type Inspection,
  inspectAll,
  isRuled,
  readConfig,
  UpstreamError,
  unlisted,
  unoffered,
} from '@gatehouse/mcp/inspect'
import { ClientError, cleanLine } from '@gatehouse/network'
import type { CommandContext } from '../command.ts'
import { diffFile } from './diff.ts'
import { explainTool, usageOfExplain } from './explain.ts'
import { environmentFor, fileNamed } from './file.ts'
import { usageOf } from './live.ts'
import { pinFile } from './pin.ts'

interface Report {
  readonly file: string
  readonly faults: readonly string[]
  readonly warnings: readonly string[]
  readonly upstreams: readonly Row[]
  readonly problems: readonly string[]
}

interface Row {
  readonly name: string
  readonly ok: boolean
  readonly text: string
}

/** Returns 0 if all is well, else 1. */
export async function gateway(context: CommandContext): Promise<number> {
  const [verb, ...args] = context.args
  if (verb === 'check') return checkFile({ ...context, args })
  if (verb === 'explain') return explainTool({ ...context, args })
  if (verb === 'pin') return pinFile({ ...context, args })
  if (verb === 'diff') return diffFile({ ...context, args })
  const { client } = context.programs
  const usages = [
    `${client} gateway check [FILE] [--json]`,
    usageOfExplain(client),
    usageOf('pin', client),
    usageOf('diff', client),
  ]
  throw new ClientError('usage', 'There are "check", "explain", "pin" and "diff".', {
    hint: `Usage: ${usages.join('\n       ')}`,
  })
}

async function checkFile(context: CommandContext): Promise<number> {
  const { args, env, folder, terminal, programs } = context
  const words = args.filter((word) => word !== '--json')
  const [named, ...rest] = words
  const usage = `Usage: ${programs.client} gateway check [FILE] [--json]`
  if (rest.length > 0 || named?.startsWith('-')) {
    throw new ClientError('usage', 'There may be a file, and --json.', { hint: usage })
  }
  const file = fileNamed(named, { env, folder }, usage)
  const report = await check(file, context)
  const isFine = report.faults.length === 0 && report.problems.length === 0 && report.upstreams.every(({ ok }) => ok)
  if (words.length < args.length) terminal.json({ ok: isFine, ...report })
  else show(report, terminal)
  return isFine ? 0 : 1
}

async function check(file: string, { env, signal, terminal }: CommandContext): Promise<Report> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-check-'))
  try {
    const config = readConfig(environmentFor(file, env, dataDir))
    const { upstreams, problems } = await inspectAll(config, { signal, onLine: (line) => terminal.note(line) })
    const warnings = [
      ...config.warnings,
      ...(await unknownEndpoints(config, env)),
      ...openUpstreams(config),
      ...(await unknownScopes(config, env)),
    ]
    return { file, faults: [], warnings, upstreams: upstreams.map(rowOf), problems }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { file, faults: error.faults, warnings: [], upstreams: [], problems: [] }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** Where it is said which issuer the services will have. */
async function unknownEndpoints({ endpoints, developmentDefaults }: Config, env: CommandContext['env']) {
  const { MCP_ISSUER: issuer, MCP_RESOURCE_URL: instead } = env
  if (!issuer || URL.parse(issuer) === null) return []
  // a file without endpoints stands behind what the variable names
  const isInFile = !developmentDefaults.includes('MCP_RESOURCE_URL')
  const resources = isInFile ? endpoints.map(({ resource }) => resource) : [instead].filter((one) => one !== undefined)
  const unknown = await unlisted(issuer, resources)
  return unknown.map((resource) => `The issuer ${issuer} does not list ${resource}: it issues no token for it.`)
}

/** A scope that the issuer does not know is one that nobody gets. */
async function unknownScopes({ gateway }: Config, { MCP_ISSUER: issuer }: CommandContext['env']) {
  const scopes = [...new Set(gateway?.rules.rules.flatMap((rule) => rule.scopes))]
  if (!issuer || URL.parse(issuer) === null || scopes.length === 0) return []
  const unknown = await unoffered(issuer, scopes)
  return unknown.map((scope) => `The issuer ${issuer} does not offer the scope ${scope}: nobody can get it.`)
}

/** Where there are rules, it may be a slip that some upstream has none. */
function openUpstreams({ gateway }: Config): readonly string[] {
  if (!gateway || gateway.rules.rules.length === 0) return []
  return gateway.upstreams
    .filter(({ name }) => !isRuled(gateway.rules, name))
    .map(({ name }) => `No rule is about ${name}: everybody who has mcp:tools:call may call all of its tools.`)
}

function rowOf({ upstream: name, found, isAskedByNobody, wantsCaller }: Inspection): Row {
  if (wantsCaller) {
    const text =
      'answers that it wants to be told who calls: that is for the gateway to say when it runs. Ask doctor then.'
    return { name, ok: true, text }
  }
  if (found instanceof UpstreamError) return { name, ok: false, text: wordsOf(found) }
  const { protocolVersion, tools } = found
  const text = cleanLine(`${found.name} ${found.version}, MCP ${protocolVersion}, ${tools.length} tools`)
  const more = '. It was asked without saying who calls: it may have others for callers'
  return { name, ok: true, text: isAskedByNobody ? `${text}${more}` : text }
}

/** Whose words begin with the name says it once. */
function wordsOf({ upstream, message, detail }: UpstreamError): string {
  const words = message.startsWith(`${upstream}: `) ? message.slice(upstream.length + 2) : message
  return cleanLine(detail ? `${words} (${detail})` : words, 600)
}

function show({ file, faults, warnings, upstreams, problems }: Report, terminal: CommandContext['terminal']): void {
  for (const fault of faults) terminal.failure(fault)
  for (const warning of warnings) terminal.warning(warning)
  for (const { name, ok, text } of upstreams) (ok ? terminal.success : terminal.failure)(`${name}: ${text}`)
  for (const problem of problems) terminal.warning(problem)
  if (faults.length + problems.length === 0 && upstreams.every(({ ok }) => ok)) terminal.note(`${file} is fine.`)
}
