// The reference MCP server as an upstream of the gateway, in a process of its own.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { freePorts, repository, startProcess } from '@gatehouse/testing'

const manifest = createRequire(join(repository, 'apps/mcp/package.json')).resolve(
  '@modelcontextprotocol/server-everything/package.json',
)

export interface Everything extends AsyncDisposable {
  /** What the MCP server has to be told of it. */
  readonly env: Readonly<Record<string, string>>
}

export async function startEverything(): Promise<Everything> {
  const [port = 0] = await freePorts(1)
  const server = startProcess([join(dirname(manifest), 'dist/index.js'), 'streamableHttp'], {
    env: { PORT: `${port}` },
  })
  await server.says(/listening/)
  return {
    env: { MCP_UPSTREAM: `http://localhost:${port}/mcp`, MCP_SECRET: 'of these tests, and long enough to seal with' },
    [Symbol.asyncDispose]: server.end,
  }
}
