// `gateway check`: what is wrong with the file that names the servers behind a gateway, and whether they answer.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  type Config,
  ConfigError,
  type Inspection,
  inspectAll,
  readConfig,
  UpstreamError,
  unlisted,
} from '@gatehouse/mcp/inspect'
import { ClientError, cleanLine } from '@gatehouse/network'
import type { CommandContext } from '../command.ts'
import { defaultFile } from '../protect/options.ts'
import { ofServices } from '../protect/services.ts'

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
  const { args, env, folder, terminal, programs } = context
  const words = args.filter((word) => word !== '--json')
  const [verb, named, ...rest] = words
  const usage = `Usage: ${programs.client} gateway check [FILE] [--json]`
  if (verb !== 'check' || rest.length > 0 || named?.startsWith('-')) {
    throw new ClientError('usage', 'Only "check" is there yet.', { hint: usage })
  }
  const file = resolve(folder, named ?? (env.GATEHOUSE_CONFIG || defaultFile))
  if (!existsSync(file)) throw new ClientError('usage', `There is no file ${file}.`, { hint: usage })
  const report = await check(file, context)
  const isFine = report.faults.length === 0 && report.problems.length === 0 && report.upstreams.every(({ ok }) => ok)
  if (words.length < args.length) terminal.json({ ok: isFine, ...report })
  else show(report, terminal)
  return isFine ? 0 : 1
}

async function check(file: string, { env, signal, terminal }: CommandContext): Promise<Report> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-check-'))
  try {
    const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !ofServices.test(name)))
    const config = readConfig({ ...kept, GATEHOUSE_CONFIG: file, DATA_DIR: dataDir })
    const { upstreams, problems } = await inspectAll(config, { signal, onLine: (line) => terminal.note(line) })
    const warnings = [...config.warnings, ...(await unknownEndpoints(config, env))]
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

function rowOf({ upstream: name, found }: Inspection): Row {
  if (found instanceof UpstreamError) return { name, ok: false, text: found.message }
  const { protocolVersion, tools } = found
  return {
    name,
    ok: true,
    text: cleanLine(`${found.name} ${found.version}, MCP ${protocolVersion}, ${tools.length} tools`),
  }
}

function show({ file, faults, warnings, upstreams, problems }: Report, terminal: CommandContext['terminal']): void {
  for (const fault of faults) terminal.failure(fault)
  for (const warning of warnings) terminal.warning(warning)
  for (const { name, ok, text } of upstreams) (ok ? terminal.success : terminal.failure)(`${name}: ${text}`)
  for (const problem of problems) terminal.warning(problem)
  if (faults.length + problems.length === 0 && upstreams.every(({ ok }) => ok)) terminal.note(`${file} is fine.`)
}
