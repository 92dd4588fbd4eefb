// Gatehouse's client as a library: sign in to an MCP server without a browser, keep the sign-in, use the server.
//
//   const client = createClient({ url, prompts, store: createStore({ home, notify: console.warn }) })
//   await client.session().catch(() => client.signIn({ flow: 'device' }))
//   const result = await client.withServer((server) => server.callTool('greet', { name: 'world' }))
export { type Client, type ClientOptions, createClient, type SignInOptions } from './client.ts'
export { type Clock, systemClock } from './clock.ts'
export { type Discovery, discover, mcpServerUrl } from './discovery/discovery.ts'
export { ClientError, type ErrorCode, exits } from './errors.ts'
export { type OpenUrl, openUrl } from './flows/open-url.ts'
export type { BrowserPrompt, DevicePrompt, SignInPrompts } from './flows/prompts.ts'
export type { McpConnection } from './mcp/connection.ts'
export { createGuardedFetch, dnsLookup, type Fetch, type Lookup } from './network/guarded-fetch.ts'
export type { GivenIdentity } from './registration/registration.ts'
export type { Session, SessionKey } from './session/session.ts'
export { createStore, type Store } from './session/store.ts'
export { cleanLine, cleanText } from './text.ts'
