// An app that is nothing but a page, on an origin of its own, with the MCP SDK and no server behind it. Bundled and served
// by page.test.ts; what it has to say it writes into the page.
import { Client, type OAuthClientProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

const resource = new URL(document.documentElement.dataset.resource ?? '')
const redirectUrl = `${location.origin}/`

const read = (name: string) => {
  const kept = sessionStorage.getItem(name)
  return kept === null ? undefined : JSON.parse(kept)
}
const write = (name: string, value: unknown) => sessionStorage.setItem(name, JSON.stringify(value))

const provider: OAuthClientProvider = {
  redirectUrl,
  clientMetadata: {
    client_name: 'A page',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  },
  state: () => crypto.randomUUID(),
  clientInformation: () => read('client'),
  saveClientInformation: (client) => write('client', client),
  tokens: () => read('tokens'),
  saveTokens: (tokens) => write('tokens', tokens),
  codeVerifier: () => read('verifier'),
  saveCodeVerifier: (verifier) => write('verifier', verifier),
  discoveryState: () => read('discovery'),
  saveDiscoveryState: (discovery) => write('discovery', discovery),
  redirectToAuthorization: (url) => {
    location.href = url.href
  },
}

async function run(): Promise<string> {
  const parameters = new URLSearchParams(location.search)
  const transport = new StreamableHTTPClientTransport(resource, { authProvider: provider })
  if (parameters.has('code')) await transport.finishAuth(parameters)
  const client = new Client({ name: 'page', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  // the second transport has the token; the first sends the browser away without one
  await client.connect(
    parameters.has('code') ? new StreamableHTTPClientTransport(resource, { authProvider: provider }) : transport,
  )
  const { tools } = await client.listTools()
  const { content } = await client.callTool({ name: 'greet', arguments: { name: 'page' } })
  return `${tools.length} tools. ${JSON.stringify(content)}`
}

async function show(): Promise<void> {
  const said = await run().catch((error: unknown) => `Failed: ${error}`)
  const heading = document.createElement('h1')
  heading.textContent = said
  document.body.append(heading)
}
void show()
