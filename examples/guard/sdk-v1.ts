// An MCP server on version 1 of the SDK, guarded: node sdk-v1.ts [issuer] [port]. Stateless: a server for each request.
import { createGuard } from '@gatehouse/guard'
import { type GuardedRequest, requireBearer, serveMetadata } from '@gatehouse/guard/express'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express, { type Request } from 'express'

const [issuer = 'http://localhost:4000', port = '3001'] = process.argv.slice(2)
const guard = createGuard({ resource: `http://localhost:${port}/mcp`, issuer, scopes: ['mcp:tools:read'] })

function createServer(): McpServer {
  const server = new McpServer({ name: 'things', version: '1.0.0' })
  server.registerTool('whoami', { description: 'Who you are' }, ({ authInfo }) => ({
    content: [{ type: 'text', text: String(authInfo?.extra?.subject) }],
  }))
  return server
}

const app = express()
app.use(serveMetadata(guard))
app.post('/mcp', requireBearer(guard, ['mcp:tools:read']), express.json(), async (request, response) => {
  const { caller } = request as GuardedRequest<Request>
  const { clientId, scopes, expiresAt, subject } = caller
  // the token itself is of no use behind the guard
  const auth = { token: '', clientId, scopes: [...scopes], expiresAt, extra: { subject } }
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
  response.on('close', () => void transport.close())
  await createServer().connect(transport)
  await transport.handleRequest(Object.assign(request, { auth }), response, request.body)
})

app.listen(Number(port), () => console.log(`Server listening at http://localhost:${port}`))
