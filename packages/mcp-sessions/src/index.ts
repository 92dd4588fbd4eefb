// The sessions of MCP clients of the 2025 era: what they are, how a request of one is answered on any replica, and where
// they are kept. It knows neither who may call nor what the server can do; both come with each request.
export { keepAliveComment, streamHeaders } from './event-stream.ts'
export {
  createSessionEndpoint,
  type SessionEndpointOptions,
  type SessionNews,
  type SessionRefusal,
} from './session-endpoint.ts'
export { sealedBy } from './session-key.ts'
export type { SessionStore } from './store/contract.ts'
export { openStore } from './store/open-store.ts'
export { openRedisStore } from './store/redis.ts'
export { openSqliteStore } from './store/sqlite.ts'
