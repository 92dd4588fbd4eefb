// `npm run test:docker`: builds the images, brings up what `docker compose up` brings up, uses it through the edge as a
// person and a client do, scales it, kills replicas under it, and takes it down. Prints one line a check and, last,
// "N passed, N failed", which it also leaves in test-output/docker.json. Without an engine that answers it starts the one
// of .ci/docker-up, and stops it again.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { onEnd } from './child.mjs'
import { createStack, findEngine } from './docker/compose.mjs'
import * as confinement from './docker/confinement.mjs'
import * as flows from './docker/flows.mjs'
import { discover } from './docker/oauth.mjs'
import * as scaling from './docker/scaling.mjs'
import * as settings from './docker/settings.mjs'
import * as tls from './docker/tls.mjs'

const LONGEST_RUN = 15 * 60_000
const count = { passed: 0, failed: 0 }

const engine = await findEngine().catch((error) => {
  process.stdout.write(`✗ ${error.message}\n`)
  count.failed++
  return finish()
})
const stack = await createStack()
onEnd(() => abandon('was told to end'))
setTimeout(() => abandon('takes too long'), LONGEST_RUN).unref()

if (
  await check('the compose file publishes the edge alone, and confines every service', () => settings.areSafe(stack))
) {
  try {
    await everything()
  } finally {
    await check('docker compose down leaves nothing behind', () => flows.endsClean(stack))
  }
}
await engine.stop()
finish()

async function everything() {
  const isBuilt = await check('the images build', () => stack.compose(['build'], { timeout: 600 }))
  if (!isBuilt || !(await check('the stack becomes healthy with no .env', () => stack.up()))) return
  const server = await discover(stack.resource)
  const scene = { stack, server, tokens: {} }
  const checks = [
    ['no process is root, has a capability or can write to its image', confinement.processesAreConfined],
    ['a second start changes no secret', confinement.secretsStay],
    ['each service reads its own secrets and Redis keys alone', confinement.servicesAreSeparate],
    ['another name than the public one is refused', confinement.otherNamesAreRefused],
    ['the address that a client claims to have is not believed', confinement.claimedAddressIsIgnored],
    ['the developer login does not answer through a tunnel', confinement.tunnelIsRefused],
    ['a device login ends in a greeting', flows.deviceLogin],
    ['a login by authorization code ends in a greeting', flows.codeLogin],
    ['everything goes on over a restart of Redis', flows.redisRestart],
    ['while Redis is away metadata is served and the rest is a 503, and nothing needs a hand', flows.redisOutage],
    ['everything goes on over a rotation of AUTH_SECRET', flows.secretRotation],
    ['two auth and three mcp come up, and all of them work', scaling.up],
    ['a device login survives the death of an auth replica', scaling.authDeath],
    ['calls survive the death of an mcp replica', scaling.mcpDeath],
    ['scaling down under load loses nothing', scaling.down],
    ['no secret and no token is in the logs', confinement.logsHaveNoSecrets],
    ['with TLS and public names it is a production server', tls.recipeWorks],
    ['behind a proxy that is named, the address that it forwards is believed', tls.proxyInFrontIsBelieved],
  ]
  for (const [title, run] of checks) await check(title, () => run(scene))
}

async function check(title, run) {
  const start = performance.now()
  const say = (mark) =>
    process.stdout.write(`${mark} ${title} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`)
  try {
    await run()
    count.passed++
    say('✓')
    return true
  } catch (error) {
    count.failed++
    say('✗')
    process.stdout.write(`  ${String(error.stack).replaceAll('\n', '\n  ')}\n  last logs:\n${await lastLogs()}`)
    return false
  }
}

/** Of each service, without the probes that come every second. */
async function lastLogs() {
  const logs = await stack.compose(['logs', '--no-color', '--tail', '200']).catch(String)
  const lines = stripVTControlCharacters(logs)
    .split('\n')
    .filter((line) => line && !/"path":"\/(livez|readyz)"|"request completed"/.test(line))
  const byService = Object.groupBy(lines, (line) => line.split(' ')[0])
  return Object.values(byService)
    .flatMap((own) => own.slice(-20))
    .map((line) => `  ${line.slice(0, 400)}\n`)
    .join('')
}

async function abandon(why) {
  process.stdout.write(`the docker test ${why}\n`)
  count.failed++
  await stack.down().catch(() => undefined)
  await engine.stop().catch(() => undefined)
  finish()
}

/** The report is in the words of vitest's, for tally.mjs. */
function finish() {
  const { passed, failed } = count
  const folder = join(import.meta.dirname, '..', 'test-output')
  mkdirSync(folder, { recursive: true })
  const report = { numPassedTests: passed, numFailedTests: failed, success: failed === 0 }
  writeFileSync(join(folder, 'docker.json'), JSON.stringify(report))
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  process.exit(failed === 0 ? 0 : 1)
}
