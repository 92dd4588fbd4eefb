// A program: the tool of the demonstration with SDK v1, without sessions, in Express. The SDK's own middleware demands a
// token, which jose verifies. It prints its port.
//   node sdk-v1.ts ISSUER JWKS_URL RESOURCE
import { createServer } from 'node:http'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import express from 'express'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { greet, input, printPort } from './greet.ts'

const [issuer = '', jwksUrl = '', resource = ''] = process.argv.slice(2)
const keys = createRemoteJWKSet(new URL(jwksUrl))
const expected = { issuer, audience: resource, algorithms: ['ES256'], typ: 'at+jwt' }

const verifier = {
  async verifyAccessToken(token: string) {
    const { payload } = await jwtVerify<{ client_id: string; scope: string }>(token, keys, expected)
    const { client_id: clientId, scope, exp } = payload
    return { token, clientId, scopes: scope.split(' '), ...(exp && { expiresAt: exp }) }
  },
}

const app = express()
const guard = requireBearerAuth({ verifier, requiredScopes: ['mcp:tools:call'] })
app.post('/mcp', guard, express.json(), async (request, response) => {
  const server = new McpServer({ name: 'greeter', version: '1' })
  server.registerTool('greet', { description: greet.description, inputSchema: input.shape }, greet.run)
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  response.on('close', () => void server.close())
  // its types are not made for exactOptionalPropertyTypes
  await server.connect(transport as Transport)
  await transport.handleRequest(request, response, request.body)
})
printPort(createServer(app))
