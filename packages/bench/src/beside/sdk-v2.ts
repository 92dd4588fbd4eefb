// A program: the tool of the demonstration with SDK v2 as its README has it. It asks for no token. It prints its port.
//   node sdk-v2.ts
import { createServer, type RequestListener } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { greet, input, printPort } from './greet.ts'

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'greeter', version: '1' })
  server.registerTool('greet', { description: greet.description, inputSchema: input }, greet.run)
  return server
})
// its types are not made for exactOptionalPropertyTypes
printPort(createServer(toNodeHandler(handler) as RequestListener))
