// Builds the images, brings up what `docker compose up` brings up, uses it through the edge as a person and a client do,
// scales it, kills replicas under it, and takes it down. The tests are one story: each goes on where the last one ended.
import { afterAll, beforeAll, onTestFailed, test } from 'vitest'
import * as confinement from './confinement.ts'
import * as flows from './flows.ts'
import * as publicNames from './public-names.ts'
import * as scaling from './scaling.ts'
import type { Scene } from './scene.ts'
import { createStack } from './stack.ts'

const builtWithin = 600_000

let scene: Scene
let isUp = false
beforeAll(async () => {
  scene = { stack: await createStack(), tokens: new Map() }
})
afterAll(() => scene?.stack.down())

test('the compose file publishes the edge alone, and confines every service', () => confinement.defaultsAreSafe(scene))

test('the images build', { timeout: builtWithin }, async () => {
  await scene.stack.compose(['build'], builtWithin)
})

test('the stack becomes healthy with no .env', async () => {
  onTestFailed(sayLogs)
  await scene.stack.up()
  isUp = true
})

test.for([
  ['a client that knows the MCP server alone finds the authorization server', flows.metadataIsFound],
  ['no process is root, has a capability or can write to its image', confinement.processesAreConfined],
  ['a second start changes no secret', confinement.secretsStay],
  ['each service reads its own secrets and Redis keys alone', confinement.servicesAreSeparate],
  ['another name than the public one is refused', confinement.otherNamesAreRefused],
  ['the address that a client claims to have is not believed', confinement.claimedAddressIsIgnored],
  ['the developer login does not answer through a tunnel', confinement.tunnelIsRefused],
  ['a device login ends in a greeting', flows.deviceLogin],
  ['a device that hangs up may ask again, and one that waits is answered by the decision', flows.deviceWaits],
  ['a login by authorization code ends in a greeting', flows.codeLogin],
  ['everything goes on over a restart of Redis', flows.redisRestart],
  ['while Redis is away metadata is served and the rest is a 503, and nothing needs a hand', flows.redisOutage],
  ['everything goes on over a rotation of AUTH_SECRET', flows.secretRotation],
  ['two auth and three mcp come up, and all of them work', scaling.allReplicasWork],
  ['a device login survives the death of an auth replica', scaling.authMayDie],
  ['calls survive the death of an mcp replica', scaling.mcpMayDie],
  ['scaling down under load loses nothing', scaling.scalingDownLosesNothing],
  ['no secret and no token is in the logs', confinement.logsHaveNoSecrets],
  ['with TLS and public names it is a production server', publicNames.tlsRecipeWorks],
  ['behind a proxy that is named, the address that it forwards is believed', publicNames.proxyInFrontIsBelieved],
] as const)('%s', async ([, check]) => {
  if (!isUp) throw new Error('the stack is not up')
  onTestFailed(sayLogs)
  await check(scene)
})

test('docker compose down leaves nothing behind', () => flows.endsClean(scene))

async function sayLogs(): Promise<void> {
  process.stdout.write(`last logs:\n${await scene.stack.lastLogs()}\n`)
}
