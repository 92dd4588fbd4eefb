// Fakes of what is outside Gatehouse, its programs as processes, and the requirements that its tests cite.

export { type Certificate, createCertificate } from './certificate.ts'
export { createTestClock, type TestClock } from './clock.ts'
export { type DocumentHost, openDocumentHost } from './document-host.ts'
export { createFakeGitHub, type FakeGitHub, type FakeGitHubFault, type FakeGitHubUser } from './fake-github.ts'
export {
  createFakeOpenIdProvider,
  type FakeOpenIdEndpoint,
  type FakeOpenIdFault,
  type FakeOpenIdProvider,
  type FakeOpenIdUser,
} from './fake-openid.ts'
export { type Listening, listen } from './listen.ts'
export { type CollectedSpan, type OtlpCollector, printTrace, startOtlpCollector } from './otlp-collector.ts'
export { type ClientHome, createClientHome, promptOf } from './programs/client-home.ts'
export { keepLogs } from './programs/kept-logs.ts'
export { createPerson, type Page, type Person, type PersonOptions } from './programs/person.ts'
export { freePort, freePorts } from './programs/ports.ts'
export { type ProcessOptions, type RunningProcess, startProcess } from './programs/process.ts'
export { compileCache, repository } from './programs/repository.ts'
export { type ServiceName, type Stack, type StackOptions, startStack } from './programs/stack.ts'
export { untilAnswers } from './programs/until-answers.ts'
export { allowing, createRedisAccount, type RedisAccount } from './redis-account.ts'
export { type RedisCluster, type RedisNode, startRedisCluster } from './redis-cluster.ts'
export { createRedisFolder } from './redis-folder.ts'
export type { RedisFolder, RedisProgram } from './redis-program.ts'
export { type ClusterTarget, openTestCluster, openTestRedis, type RedisScene } from './redis-scene.ts'
export { askRedis, type RedisReply, startRedisServer } from './redis-server.ts'
export { isRequirementId, type Requirement, type RequirementId, requirements } from './requirements.ts'
export { openSlowConnections, type SlowConnections } from './slow-connections.ts'
export { startTcpRelay } from './tcp-relay.ts'
export { startTestProxy, type TestProxy } from './test-proxy.ts'
export { startTestRedis, type TestRedis } from './test-redis.ts'
export { createTokenIssuer, type SignOptions, type TokenIssuer } from './token-issuer.ts'
export { until } from './until.ts'
export { verifies } from './verifies.ts'
