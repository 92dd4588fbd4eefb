// For tests: servers with sessions, a home that is signed in, and repls in it. Not part of the library.
import { createCommandLine } from './command-line.ts'
import { startFakeServers } from './fake-servers.ts'
import { createMcpService, type McpServiceOptions } from './mcp-service.ts'
import { type ReplSessionOptions, startRepl } from './repl-session.ts'

export async function startReplWorld(options: McpServiceOptions = {}) {
  const service = createMcpService(options)
  const servers = await startFakeServers({ service })
  const shell = await createCommandLine(servers.mcpUrl)
  await shell.run(['login'])
  return {
    service,
    servers,
    shell,
    start: (given: ReplSessionOptions = {}) => startRepl(shell, given),
    async [Symbol.asyncDispose]() {
      await shell[Symbol.asyncDispose]()
      await servers[Symbol.asyncDispose]()
    },
  }
}
