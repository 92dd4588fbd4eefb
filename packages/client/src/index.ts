// Gatehouse's client as a library: sign in to an MCP server without a browser, keep the sign-in, use the server.
//
//   const client = createClient({ url, prompts, store: createStore({ home, notify: console.warn }) })
//   await client.session().catch(() => client.signIn({ flow: 'device' }))
//   const result = await client.withServer((server) => server.callTool('greet', { name: 'world' }))
//
// For the SDK's own client there is createDeviceAuthProvider().

export {
  type Challenge,
  ClientError,
  cleanLine,
  cleanText,
  createGuardedFetch,
  dnsLookup,
  type ErrorCode,
  exits,
  type Fetch,
  type Lookup,
} from '@gatehouse/network'
export {
  type Client,
  type ClientOptions,
  type ConnectOptions,
  createClient,
  type SignInOptions,
  type StepUpOptions,
} from './client.ts'
export { type Clock, systemClock } from './clock.ts'
export {
  createDeviceAuthProvider,
  type DeviceAuthProvider,
  type DeviceAuthProviderOptions,
} from './device-auth-provider.ts'
export { type Discovery, discover, mcpServerUrl } from './discovery/discovery.ts'
export { type OpenUrl, openUrl } from './flows/open-url.ts'
export type { BrowserPrompt, DevicePrompt, SignInPrompts } from './flows/prompts.ts'
export type { McpConnection, Protocol } from './mcp/connection.ts'
export { answerFrom, type OnQuestion, type Question } from './mcp/elicitation.ts'
export type { Notice } from './mcp/notice.ts'
export { readClientKey } from './registration/client-key.ts'
export type { GivenIdentity } from './registration/registration.ts'
export { createMemoryStore } from './session/memory-store.ts'
export type { Session, SessionKey } from './session/session.ts'
export { createStore, type Store } from './session/store.ts'
