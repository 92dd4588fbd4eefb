// For tests: a client as the relay sees it.
import type { Client } from '../relay/client.ts'
import type { Notification, Owner, Request } from '../upstreams/contract.ts'

export const ada: Owner = {
  endpoint: 'https://mcp.example.com/mcp',
  issuer: 'https://login.example.com',
  subject: 'dev:ada',
  clientId: 'client',
  session: undefined,
}

export interface TestClient extends Client {
  readonly heard: Notification[]
  readonly asked: Request[]
}

export function testClient(era: Client['era'], given: Partial<Client> = {}): TestClient {
  const [heard, asked]: [Notification[], Request[]] = [[], []]
  return {
    owner: ada,
    granted: { scopes: new Set(['mcp:tools:call']), expiresAt: 4_000_000_000 },
    era,
    capabilities: { elicitation: { form: {}, url: {} } },
    headers: {},
    logLevel: undefined,
    progressToken: undefined,
    signal: new AbortController().signal,
    hear: (notification) => void heard.push(notification),
    ask: async (question) => {
      asked.push(question)
      return { action: 'accept', content: { name: 'Ada' } }
    },
    requestState: undefined,
    inputResponses: undefined,
    announce: undefined,
    heard,
    asked,
    ...given,
  }
}
