// MCP servers that people would take instead of ours, each a process of its own with the settings of production. The programs
// beside this file are what their documents tell people to write.
import { setTimeout as wait } from 'node:timers/promises'
import { freePorts, type RunningProcess, startProcess, type TokenIssuer } from '@gatehouse/testing'
import { createCaller } from '../caller.ts'
import { greet, type McpServer, relayed, type Tool } from '../gateways.ts'
import { readyWithin } from '../servers.ts'

const programs = 'packages/bench/src/beside'
const packages = 'packages/bench/node_modules'
const env = { NODE_ENV: 'production' }
/** Bridges end with their standard input. */
const bridge = { env, input: '' }

/** A server of SDK v2 that checks nothing. */
export async function startSdkV2(): Promise<McpServer> {
  const process = startProcess([`${programs}/sdk-v2.ts`], { env })
  return serverOf(process, { port: await portOf(process), tool: greet })
}

/** A server of SDK v1 without sessions, in Express, with the SDK's middleware and jose in front. */
export async function startSdkV1(issuer: TokenIssuer): Promise<McpServer> {
  const resource = 'http://localhost:3000/mcp'
  const process = startProcess([`${programs}/sdk-v1.ts`, issuer.issuer, issuer.jwksUrl, resource], { env })
  const token = await issuer.sign({ aud: resource, sub: 'github:1' })
  return serverOf(process, { port: await portOf(process), tool: greet, token })
}

/** The command's server over Streamable HTTP, with a session for each client. It checks nothing. */
export async function startSupergateway(command: readonly string[]): Promise<McpServer> {
  const [port = 0] = await freePorts(1)
  const options = ['--outputTransport', 'streamableHttp', '--stateful', '--logLevel', 'none', '--port', String(port)]
  const args = [`${packages}/supergateway/dist/index.js`, '--stdio', command.join(' '), ...options]
  return bridgeOf(startProcess(args, bridge), port)
}

/** The same, with one process of the command for all. */
export async function startMcpProxy(command: readonly string[]): Promise<McpServer> {
  const [port = 0] = await freePorts(1)
  const options = ['--server', 'stream', '--port', String(port)]
  const args = [`${packages}/mcp-proxy/dist/bin/mcp-proxy.mjs`, ...options, '--', ...command]
  return bridgeOf(startProcess(args, bridge), port)
}

async function bridgeOf(process: RunningProcess, port: number): Promise<McpServer> {
  using caller = createCaller(port)
  const until = Date.now() + readyWithin
  for (;;) {
    if (process.hasExited()) throw new Error(`It ended before it listened:\n${process.output()}`)
    const answer = await caller.get('/').catch(() => undefined)
    if (answer) return serverOf(process, { port, tool: relayed })
    if (Date.now() > until) throw new Error(`Nothing listens:\n${process.output()}`)
    await wait(50)
  }
}

interface Listening {
  readonly port: number
  readonly tool: Tool
  readonly token?: string
}

function serverOf({ pid, end }: RunningProcess, { port, tool, token = '' }: Listening): McpServer {
  return { pid, url: `http://127.0.0.1:${port}/mcp`, token, tool, [Symbol.asyncDispose]: end }
}

async function portOf(process: RunningProcess): Promise<number> {
  const [, port] = await process.says(/^(\d+)$/m, readyWithin)
  return Number(port)
}
