// The device flow behind the MCP SDK's own client: for programs that run where there is no browser.
//
//   node --conditions=gatehouse-source packages/client/examples/auth-provider.ts http://localhost:3000/mcp
//
// biome-ignore-all lint/suspicious/noConsole: it is a program for a terminal
import { createDeviceAuthProvider } from '@gatehouse/client'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

const url = new URL(process.argv[2] ?? 'http://localhost:3000/mcp')
const authProvider = createDeviceAuthProvider({
  url,
  onUserCode: ({ uri, code }) => console.error(`Open ${uri} on any device and enter ${code}`),
})
const client = new Client({ name: 'example', version: '1.0.0' })
await client.connect(new StreamableHTTPClientTransport(url, { authProvider }))
const { content } = await client.callTool({ name: 'greet', arguments: { name: 'world' } })
console.log(content)
await client.close()
