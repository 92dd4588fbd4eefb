// For tests: the conformance suite of the Model Context Protocol, run as its command line against the real server behind
// the guard. It has no token to give, so a small proxy puts one on each request, and leaves Host and Origin alone.

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startFront } from './front.ts'
import { type Era, requestOf, startMcpServer, type TestServerOptions } from './mcp-server.ts'

export interface ConformanceCheck {
  readonly scenario: string
  readonly id: string
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  readonly errorMessage?: string
}

export interface ConformanceRun {
  readonly exitCode: number | null
  /** What the command said, for a person. */
  readonly output: string
  /** In the order of the scenarios' names. */
  readonly checks: readonly ConformanceCheck[]
}

/** `command`: what follows `conformance`, without the output directory. */
async function runConformance(command: readonly string[]): Promise<ConformanceRun> {
  const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json')
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-conformance-'))
  try {
    const cli = join(dirname(manifest), 'dist', 'index.js')
    const child = spawn(process.execPath, [cli, ...command, '--output-dir', directory], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk
      })
    }
    const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { exitCode, output, checks: readChecks(directory) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What `--requirements` of a revision finds in our server with the features that the scenarios ask for. */
export async function runServerConformance(
  revision: Era,
  options: TestServerOptions & {
    readonly expectedFailures?: string
    /** Capabilities of clients, for each of which there is one call before the suite: it waits for less than a process may need to start. */
    readonly calledWith?: readonly object[]
  } = {},
): Promise<ConformanceRun> {
  const { expectedFailures, calledWith = [], ...serverOptions } = options
  let token = ''
  await using front = await startFront({
    rewrite: (headers) => ({ ...headers, authorization: `Bearer ${token}` }),
  })
  const resource = `${front.origin}/mcp`
  await using server = await startMcpServer({
    ...serverOptions,
    env: { ...serverOptions.env, MCP_RESOURCE_URL: resource },
  })
  token = await server.sign({ scope: 'mcp:tools:read mcp:tools:call mcp:tools:notify', exp: now() + 3_600 })
  front.route = () => Number(new URL(server.origin).port)
  for (const capabilities of calledWith) await callOnce(resource, capabilities)
  const baseline = expectedFailures === undefined ? [] : ['--expected-failures', expectedFailures]
  return await runConformance(['server', '--url', resource, '--requirements', revision, ...baseline])
}

async function callOnce(resource: string, capabilities: object): Promise<void> {
  const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'test_simple_text', arguments: {} })
  const _meta = { ...(message.params._meta as object), 'io.modelcontextprotocol/clientCapabilities': capabilities }
  const params = { ...message.params, _meta }
  const response = await fetch(resource, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify({ ...message, params }),
  })
  if (response.status !== 200) throw new Error(`The call before the suite: ${response.status} ${await response.text()}`)
  await response.body?.cancel()
}

/** The same of a server that needs no token. */
export function runConformanceAt(url: string, revision: Era): Promise<ConformanceRun> {
  return runConformance(['server', '--url', url, '--requirements', revision])
}

function readChecks(directory: string): ConformanceCheck[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('checks.json'))
    .toSorted()
    .flatMap((path) => {
      const scenario = dirname(path)
        .replace(/^.*server-/, '')
        .replace(/-\d{4}-\d{2}-\d{2}T.*$/, '')
      const checks: ConformanceCheck[] = JSON.parse(readFileSync(join(directory, path), 'utf8'))
      return checks.map(({ id, status, errorMessage }) => ({
        scenario,
        id,
        status,
        ...(errorMessage !== undefined && { errorMessage }),
      }))
    })
}

const now = (): number => Math.floor(Date.now() / 1000)
