// For tests: a file with several endpoints and what stands behind them, which may be changed while the server runs.
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMcpServer, type TestServer, type TestServerOptions } from './mcp-server.ts'

export interface FileContent {
  /** Names of upstreams by path, or by host and path: `/tools`, `127.0.0.1/tools`. */
  readonly endpoints: Readonly<Record<string, readonly string[]>>
  readonly upstreams?: Readonly<Record<string, object>>
  readonly rules?: readonly object[]
  readonly groups?: Readonly<Record<string, readonly string[]>>
  readonly limits?: object
}

export interface TestFile {
  readonly path: string
  /** As editors do: another file takes its place. */
  write(content: FileContent | string): void
}

/** Without an upstream in it: a command that tells what it was given. */
export const tellingCommand = [process.execPath, join(import.meta.dirname, '../gateway/harness/telling-server.ts')]

function createTestFile(port: string): TestFile {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-endpoints-'))
  const path = join(folder, 'gatehouse.yaml')
  return {
    path,
    write(content) {
      writeFileSync(`${path}.new`, typeof content === 'string' ? content : textOf(content, port))
      renameSync(`${path}.new`, path)
    },
  }
}

function textOf(
  { endpoints, upstreams = {}, rules = [], groups = {}, limits = {} }: FileContent,
  port: string,
): string {
  const all = Object.entries(endpoints).map(([place, names]) => ({
    resource: resourceAt(place, port),
    name: `Tools at ${place}`,
    upstreams: names,
  }))
  return JSON.stringify({ version: 1, endpoints: all, upstreams, rules, groups, limits })
}

function resourceAt(place: string, port: string): string {
  const [host, path] = [place.slice(0, place.indexOf('/')) || 'localhost', place.slice(place.indexOf('/'))]
  return `http://${host}:${port}${path}`
}

export interface GatewayServer extends TestServer {
  readonly file: TestFile
  /** The resource at a place. */
  at(place: string): string
}

/** On a port of this machine, which has two names: `localhost` and `127.0.0.1`. */
export async function startWithFile(content: FileContent, options: TestServerOptions = {}): Promise<GatewayServer> {
  let file: TestFile | undefined
  let port = ''
  const server = await startMcpServer({
    ...options,
    env: (origin) => {
      port = new URL(origin).port
      file = createTestFile(port)
      file.write(content)
      const DATA_DIR = mkdtempSync(join(tmpdir(), 'gatehouse-data-'))
      return { ...(options.env as object), GATEHOUSE_CONFIG: file.path, MCP_RESOURCE_URL: '', DATA_DIR }
    },
  })
  if (!file) throw new Error('there is no file')
  return Object.assign(server, { file, at: (place: string) => resourceAt(place, port) })
}
