// The gateway that is measured, with rules and audit as a company has them, and the servers behind it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repository, startProcess, startStack, type TokenIssuer } from '@gatehouse/testing'
import { imageSettings } from './image-settings.ts'
import { readyWithin } from './servers.ts'

const server = join(import.meta.dirname, 'upstream-server.ts')

export interface Tool {
  readonly name: string
  readonly arguments: object
  /** What its answer has. */
  readonly answer: string
}

/** An MCP server that is asked. */
export interface McpServer extends AsyncDisposable {
  readonly pid: number
  readonly url: string
  /** Empty: it asks for none. */
  readonly token: string
  readonly tool: Tool
}

export const greet: Tool = { name: 'greet', arguments: { name: 'world' }, answer: 'Hello, world' }
export const relayed: Tool = { name: 'tool_1', arguments: { text: 'hello' }, answer: '"done"' }

/** A command that speaks stdio: as little as a server can do, of an era (`2025` or `2026`), with so many tools. */
export function upstreamCommand(era: string, tools: number): { readonly command: readonly string[] } {
  return { command: [process.execPath, '--conditions=gatehouse-source', server, 'stdio', era, String(tools)] }
}

/** The same over HTTP, without a guard. */
export async function startUpstream(era: string, tools: number): Promise<McpServer> {
  const child = startProcess([server, 'http', era, String(tools)], { input: '' })
  const [, port] = await child.says(/^(\d+)$/m, readyWithin)
  return {
    pid: child.pid,
    url: `http://127.0.0.1:${port}/mcp`,
    token: '',
    tool: relayed,
    [Symbol.asyncDispose]: child.end,
  }
}

const rules = [
  ...Array.from({ length: 8 }, (_, index) => ({ tools: [`one/get_${index}_*`], scopes: ['one:write'] })),
  { tools: ['one/tool_*'], when: 'caller.kind == "person" && args.text != "bye"' },
  { tools: ['one/*'] },
]

export interface GatewayOptions {
  /** As in the file of the gateway. Absent: the demonstration is served, without a gateway. */
  readonly upstream?: object
  readonly parked?: number
  /** Options of Node.js. */
  readonly node?: readonly string[]
  /** Runs what was compiled into `dist`, as images do. */
  readonly built?: boolean
}

export async function startGateway(
  issuer: TokenIssuer,
  { upstream, parked = 10, node = [], built = false }: GatewayOptions = {},
): Promise<McpServer> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const file = join(folder, 'gatehouse.json')
  const settings = {
    version: 1,
    upstreams: { one: upstream },
    rules,
    limits: { parked },
    audit: { to: { file: 'audit.log' } },
  }
  writeFileSync(file, JSON.stringify(settings))
  const env = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    MCP_ISSUER: issuer.issuer,
    MCP_SECRET: 'a-secret-of-seals-which-is-long-enough',
    ...imageSettings(node),
    ...(upstream && { GATEHOUSE_CONFIG: file }),
  }
  const stack = await startStack({ services: ['mcp'], env: { mcp: env }, readyWithin, built })
  return {
    pid: stack.pid('mcp'),
    url: stack.resource,
    token: await issuer.sign({ aud: stack.resource, sub: 'github:1' }),
    tool: upstream ? relayed : greet,
    async [Symbol.asyncDispose]() {
      await stack[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Options of Node.js that leave a processor profile in test-output/profiles. */
export const profiled = ['--cpu-prof', `--cpu-prof-dir=${join(repository, 'test-output', 'profiles')}`]
