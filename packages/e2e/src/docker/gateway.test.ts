// The gateway of deploy/gateway/compose.yml: up with two replicas, used through the edge by our command, its commands asked
// what they may do, restarted, and taken down. The tests are one story: each goes on where the last one ended.
import { afterAll, beforeAll, onTestFailed, test } from 'vitest'
import * as gateway from './gateway.ts'

const builtWithin = 600_000

let scene: gateway.GatewayScene
let isUp = false
beforeAll(async () => {
  scene = await gateway.createScene()
})
afterAll(async () => {
  await scene?.stack.down()
  scene?.forget()
})

test('the file publishes nothing, and gives no right but those that running commands takes', () =>
  gateway.rightsAreFew(scene))

test('the images build', { timeout: builtWithin }, async () => {
  await scene.stack.compose(['build'], builtWithin)
})

test('the stack becomes healthy with two replicas of mcp', async () => {
  onTestFailed(sayLogs)
  await gateway.comesUp(scene)
  isUp = true
})

test.for([
  ['our command signs in by a device and calls a tool of each server', gateway.bothServersAnswer],
  ['the server in a container of its own is reached by mcp alone', gateway.serverIsApart],
  ['over a rolling restart each call gets an answer', gateway.rollingRestart],
  ['a command is another user, without rights, secrets or our environment', gateway.commandsAreConfined],
  ['nothing that a command can write to can be executed', gateway.nothingWrittenRuns],
] as const)('%s', async ([, check]) => {
  if (!isUp) throw new Error('the stack is not up')
  onTestFailed(sayLogs)
  await check(scene)
})

test('docker compose down leaves nothing behind', () => gateway.endsClean(scene))

async function sayLogs(): Promise<void> {
  process.stdout.write(`last logs:\n${await scene.stack.lastLogs()}\n`)
}
